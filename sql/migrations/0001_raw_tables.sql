-- Rows as tracking stores hold them; times in milliseconds since 1970, UTC. Key: (source, run_id).
create table raw_runs (
    source varchar not null,
    run_id varchar not null,
    experiment_id varchar not null,
    experiment_name varchar not null,
    run_name varchar not null,
    status varchar not null,
    lifecycle_stage varchar not null,
    start_ms bigint,
    end_ms bigint,
    content_hash varchar not null
);
create table raw_params (source varchar not null, run_id varchar not null, key varchar not null, value varchar not null);
create table raw_tags (source varchar not null, run_id varchar not null, key varchar not null, value varchar not null);
create table raw_metrics (
    source varchar not null, run_id varchar not null, key varchar not null, value double, step bigint, timestamp_ms bigint
);
create table raw_system_samples (
    source varchar not null, run_id varchar not null, key varchar not null, value double, step bigint, timestamp_ms bigint
);
create table raw_inputs (
    source varchar not null,
    run_id varchar not null,
    name varchar not null,
    digest varchar not null,
    source_type varchar not null,
    schema varchar,
    profile varchar,
    context varchar
);

-- How far each source has been read; a watermark holds only for the experiment patterns it was reached with.
create table ingest_state (source varchar primary key, experiment_patterns varchar not null, watermark_ms bigint not null);
