-- stg_metric_points.sql | grain: one row per run, metric and point | source: raw_metric_points | times: UTC
-- Long histories are thinned when they land; value is null where the store holds NaN or an infinity.
select source, run_id, key as name, value, step, timestamp_ms
from raw_metric_points
