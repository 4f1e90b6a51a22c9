-- grain: one row per planned update or unplanned experiment | source: cadences | observed up to as_of
select
    c.as_of, c.programme, c.planned_updates, c.finished_updates, c.attempts, c.updates_per_planned, c.attempts_per_finished,
    c.slip_s_p50, c.slip_s_p90
from cadences c
where c.as_of = (select max(as_of) from cadences where as_of <= getvariable('as_of'))
order by c.planned_updates is null, c.programme
