-- grain: one row per planned update or unplanned experiment | source: cadences | observed up to as_of
-- Counts are what was seen; rates, ratios, slips and growth with p10, p50, p90 are what is expected from now on.
select
    c.as_of, c.programme, c.planned_updates, c.skipped_updates, c.extra_updates, c.finished_updates, c.attempts,
    c.planned_per_week, c.updates_per_week_p10, c.updates_per_week_p50, c.updates_per_week_p90, c.updates_per_planned,
    c.skip_probability_p10, c.skip_probability_p50, c.skip_probability_p90,
    c.extra_updates_ratio_p10, c.extra_updates_ratio_p50, c.extra_updates_ratio_p90,
    c.attempts_per_finished_p10, c.attempts_per_finished_p50, c.attempts_per_finished_p90,
    c.slip_s_p10, c.slip_s_p50, c.slip_s_p90,
    c.dataset_growth_ratio_p10, c.dataset_growth_ratio_p50, c.dataset_growth_ratio_p90
from cadences c
where c.as_of = (select max(as_of) from cadences where as_of <= getvariable('as_of'))
order by c.planned_updates is null, c.programme
