-- A run ends after it starts, within years that exist. | offending: runs with other times, which are read as unknown
select source, run_id, start_ms, end_ms
from stg_runs
where end_ms < start_ms
    or (start_ms is not null and started_at is null)
    or (end_ms is not null and ended_at is null)
