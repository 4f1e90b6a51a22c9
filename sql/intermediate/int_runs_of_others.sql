-- int_runs_of_others.sql | grain: one row per run that is counted as part of another | source: stg_runs, stg_run_tags,
-- stg_run_params, stg_run_metrics | times: UTC
-- A run above others that logged no metric of its own only holds them together (a sweep). Runs of one experiment with the
-- same params, the output folder included, that started within a minute of each other are processes of one job: the one
-- that logged most counts.
with children as (
    select source, value as run_id, min(run_id) as counted_as from stg_run_tags where name = 'mlflow.parentRunId' group by all
),
neighbours as (
    select
        source,
        run_id,
        started_at,
        started_at - lag(started_at) over near <= interval 1 minute as is_near_last,
        lead(started_at) over near - started_at <= interval 1 minute as is_near_next
    from stg_runs
    where not is_deleted and started_at is not null
    window near as (partition by source, experiment order by started_at, run_id)
),
candidates as (select * from neighbours where is_near_last or is_near_next),
fingerprints as (
    select source, run_id, sum(hash(name, value)) as params, count(*) as num_params
    from stg_run_params
    semi join candidates using (source, run_id)
    group by all
    having bool_or(name = 'output_dir')
),
sizes as (
    select source, run_id, count(*) as num_metrics from stg_run_metrics semi join candidates using (source, run_id) group by all
),
jobs as (
    select
        r.source,
        r.run_id,
        first_value(r.run_id) over (
            partition by r.source, r.experiment, f.params, f.num_params, time_bucket(interval 2 minute, r.started_at)
            order by coalesce(s.num_metrics, 0) desc, r.started_at, r.run_id
        ) as counted_as
    from stg_runs as r
    join fingerprints as f using (source, run_id)
    left join sizes as s using (source, run_id)
)
select c.source, c.run_id, c.counted_as, 'holds other runs together' as reason
from children as c
semi join stg_runs as r using (source, run_id)
anti join stg_run_metrics as m using (source, run_id)
union all
select source, run_id, counted_as, 'another process of the same job' from jobs where counted_as <> run_id
