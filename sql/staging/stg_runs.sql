-- stg_runs.sql | grain: one row per run | source: raw_runs | times: UTC
-- A time outside the years 2000 to 2100 is no time: it becomes null.
select
    source,
    run_id,
    experiment_name as experiment,
    run_name as name,
    status,
    lifecycle_stage = 'deleted' as is_deleted,
    case when start_ms between 946684800000 and 4102444800000 then make_timestamptz(start_ms * 1000) end as started_at,
    case when end_ms between 946684800000 and 4102444800000 then make_timestamptz(end_ms * 1000) end as ended_at,
    start_ms,
    end_ms
from raw_runs
