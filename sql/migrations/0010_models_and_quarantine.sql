-- Models that a run logged as its outputs. Key: (source, run_id, model_id, step).
create table raw_models (
    source varchar not null,
    run_id varchar not null,
    model_id varchar not null,
    name varchar not null,
    model_type varchar not null,
    step bigint,
    created_ms bigint
);

-- Runs that could not be landed, and why; a run leaves it when it lands.
create table quarantined_runs (source varchar not null, run_id varchar not null, reason varchar not null);

-- Files of a run that were asked for, as text; path '' where nothing could be listed or was found. Key: (source, run_id, path).
create table raw_artifacts (
    source varchar not null, run_id varchar not null, path varchar not null, num_bytes bigint, text varchar, problem varchar
);

-- When a source was last read whole, changed runs or not.
alter table ingest_state add column read_whole_ms bigint;
