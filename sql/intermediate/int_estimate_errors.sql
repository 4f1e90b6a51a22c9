-- grain: one row per finished run, resource and origin of the estimate | source: predictions, told_predictions, training_runs, run_costs | times: UTC
-- origin retroactive: what the calibration as of the run's start would have told; gate, callback, forecast: what was told.
-- misjudged_*: what the error of a duration comes to in accelerator-hours and at the run's list price, above 0 where the
-- run took more than told.
with told as (
    select
        run_id, resource, ended_at, actual, prior_p50, p10, p50, p90, num_runs_before, within, 'retroactive' as origin,
        null::timestamptz as told_at
    from predictions
    union all by name
    select
        run_id, resource, ended_at, actual, prior_p50, p10, p50, p90, num_runs_before, within, origin, told_at
    from told_predictions
)
select
    p.run_id, r.name as run_name, r.experiment, p.resource, p.ended_at, p.actual, p.prior_p50, p.p10, p.p50, p.p90,
    p.num_runs_before, p.within, p.origin, p.told_at,
    r.config ->> '$.method' as method,
    c.accelerator,
    ln(p.actual / p.p50) as log_error,
    (
        greatest(0.1 * ln(p.actual / p.p10), -0.9 * ln(p.actual / p.p10))
        + greatest(0.5 * ln(p.actual / p.p50), -0.5 * ln(p.actual / p.p50))
        + greatest(0.9 * ln(p.actual / p.p90), -0.1 * ln(p.actual / p.p90))
    ) / 3 as pinball_log,
    case when p.resource = 'duration_s' then (p.actual - p.p50) / 3600 * c.num_accelerators end
        as misjudged_accelerator_hours,
    case when p.resource = 'duration_s' then (p.actual - p.p50) / p.actual * c.list_cost_usd end as misjudged_usd
from told p
join training_runs r on r.run_id = p.run_id
left join run_costs c on c.run_id = p.run_id
where p.p10 > 0
