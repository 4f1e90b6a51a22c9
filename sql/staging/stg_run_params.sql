-- stg_run_params.sql | grain: one row per run and param | source: raw_params | no times
select source, run_id, key as name, value
from raw_params
