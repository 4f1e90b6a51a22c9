-- stg_run_artifacts.sql | grain: one row per run and file among its artifacts | source: raw_artifacts | no times
-- text is null where the file was not asked for or could not be read; num_bytes where its store does not say.
select source, run_id, path, num_bytes, text, problem
from raw_artifacts
where path <> ''
