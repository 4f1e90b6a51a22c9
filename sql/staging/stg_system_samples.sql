-- stg_system_samples.sql | grain: one row per run, node, device, quantity and sample time | source: raw_system_samples
-- times: UTC | MLflow's names are system/[node/][gpu_N_]quantity_unit; its megabytes are 1e6 bytes, its gigabytes 1e9.
-- Samples are means over some seconds, of the whole host and of all its GPUs; network counters are cumulative.
with parsed as (
    select
        source,
        run_id,
        nullif(regexp_extract(key, '^system/(.+)/[^/]+$', 1), '') as node,
        try_cast(nullif(regexp_extract(key, '/gpu_([0-9]+)_[^/]+$', 1), '') as bigint) as gpu_index,
        regexp_extract(key, '/(?:gpu_[0-9]+_)?([a-z_]+)_(megabytes|gigabytes|percentage|watts)$', ['quantity', 'unit']) as named,
        value,
        timestamp_ms
    from raw_system_samples
)
select
    source,
    run_id,
    coalesce(node, '') as node,
    gpu_index,
    named.quantity || case named.unit when 'percentage' then '_ratio' when 'watts' then '_w' else '_bytes' end as quantity,
    timestamp_ms,
    value * case named.unit when 'megabytes' then 1e6 when 'gigabytes' then 1e9 when 'percentage' then 0.01 else 1 end as value
from parsed
where named.unit <> '' and value is not null
