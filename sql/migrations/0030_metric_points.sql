-- Points of the metrics that tell when steps and evaluations were done. Key: (source, run_id, key, step, timestamp_ms, value).
create table raw_metric_points (
    source varchar not null, run_id varchar not null, key varchar not null, value double, step bigint, timestamp_ms bigint
);

-- Runs that landed before have none: every source is read whole once more.
update ingest_state set read_whole_ms = 0;
