-- grain: one row per resource | source: predictions | errors: absolute, relative to the actual
select
    p.resource,
    count(*) as num_runs,
    median(abs(p.prior_p50 / p.actual - 1)) as prior_median_ape_ratio,
    median(abs(p.p50 / p.actual - 1)) as median_ape_ratio,
    quantile_cont(abs(p.p50 / p.actual - 1), 0.9) as p90_ape_ratio,
    avg(p.within::int) as coverage_80_ratio,
    avg(ln(p.actual / p.p50) order by p.run_id) as bias_log
from predictions p
where p.ended_at < getvariable('as_of')
group by p.resource
order by p.resource
