-- grain: one row per month (programme's zone), experiment, resource and origin of the estimate | source: int_estimate_errors
-- bias_log: mean ln(actual / estimate), above 0 where runs need more than told; spread_log: its standard deviation.
-- misjudged_*: sums of absolute errors of durations, so that too much and too little do not cancel.
select
    date_trunc('month', timezone(getvariable('time_zone'), e.ended_at))::date as month,
    e.experiment,
    e.resource,
    e.origin,
    count(*) as num_runs,
    avg(e.log_error order by e.run_id) as bias_log,
    stddev_samp(e.log_error order by e.run_id) as spread_log,
    median(abs(e.p50 / e.actual - 1)) as median_ape_ratio,
    median(abs(e.prior_p50 / e.actual - 1)) as prior_median_ape_ratio,
    avg(e.within::int) as coverage_80_ratio,
    avg(e.pinball_log order by e.run_id) as pinball_log,
    sum(abs(e.misjudged_accelerator_hours) order by e.run_id) as misjudged_accelerator_hours,
    sum(abs(e.misjudged_usd) order by e.run_id) as misjudged_usd
from int_estimate_errors as e
where e.ended_at < getvariable('as_of')
group by month, e.experiment, e.resource, e.origin
order by month, e.experiment, e.resource, e.origin
