-- int_silent_runs.sql | grain: one row per run that has not ended | source: raw_runs, raw_metrics | times: UTC
-- last_seen: the last sign of life, a metric or the start; a run that was killed from outside never says that it ended.
with seen as (
    select r.source, r.run_id, coalesce(max(m.timestamp_ms), any_value(r.start_ms)) as last_seen_ms
    from raw_runs as r
    left join raw_metrics as m using (source, run_id)
    where r.status = 'RUNNING' and r.end_ms is null and r.lifecycle_stage = 'active'
    group by r.source, r.run_id
)
select
    source,
    run_id,
    last_seen_ms,
    case when last_seen_ms between 946684800000 and 4102444800000 then make_timestamptz(last_seen_ms * 1000) end as last_seen_at
from seen
where last_seen_ms is not null
