-- stg_run_inputs.sql | grain: one row per run and dataset logged as its input | source: raw_inputs | no times
select
    source,
    run_id,
    name,
    digest,
    context,
    case when json_valid(profile) then try_cast(profile ->> '$.num_rows' as bigint) end as num_rows
from raw_inputs
