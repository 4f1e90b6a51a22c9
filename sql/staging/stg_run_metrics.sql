-- stg_run_metrics.sql | grain: one row per run and metric, its latest point | source: raw_metrics | times: UTC
-- value is null where the store holds NaN or an infinity.
select source, run_id, key as name, value, step, timestamp_ms
from raw_metrics
where not starts_with(key, 'system/')
