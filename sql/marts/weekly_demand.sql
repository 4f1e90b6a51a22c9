-- weekly_demand.sql | grain: one row per week and experiment | source: training_runs, run_costs | weeks: Monday 00:00 in the
-- programme's zone | a run counts in the week it starts, whatever its outcome, deleted ones included: all took capacity.
-- Hours are of the runs whose duration and hardware are known; cost is null where no run of the week has a price.
-- Sums go in a fixed order, so that building again gives the same bits.
select
    date_trunc('week', timezone(getvariable('time_zone'), r.started_at))::date as week_start,
    r.experiment,
    count(*) as runs,
    count(*) filter (where r.status = 'FINISHED') as finished_runs,
    coalesce(sum(c.accelerator_hours order by r.run_id), 0) as accelerator_hours,
    sum(c.list_cost_usd order by r.run_id) as cost_usd
from training_runs as r
left join run_costs as c on c.run_id = r.run_id
where r.started_at < getvariable('as_of')
group by week_start, r.experiment
order by week_start, r.experiment
