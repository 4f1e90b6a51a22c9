-- stg_run_tags.sql | grain: one row per run and tag | source: raw_tags | no times
select source, run_id, key as name, value
from raw_tags
