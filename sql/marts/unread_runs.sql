-- unread_runs.sql | grain: one row per run that could not be estimated | source: training_runs, refusals | times: UTC
select r.run_id, r.name as run_name, r.experiment, r.status, r.started_at, coalesce(r.problem, f.reason) as reason
from training_runs as r
left join refusals as f using (run_id)
where coalesce(r.problem, f.reason) is not null
    and (r.started_at is null or r.started_at < getvariable('as_of'))
order by r.experiment, r.started_at, r.run_id
