-- grain: one row per finished run and resource, predicted from earlier runs alone | source: predictions, training_runs | times: UTC
select
    p.run_id, r.name as run_name, r.experiment, p.resource, p.ended_at, p.actual, p.prior_p50, p.p10, p.p50, p.p90,
    p.num_runs_before, p.within
from predictions p
join training_runs r on r.run_id = p.run_id
where p.ended_at < getvariable('as_of')
order by p.ended_at, p.run_id, p.resource
