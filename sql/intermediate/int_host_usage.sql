-- int_host_usage.sql | grain: one row per run | source: stg_system_samples | no times
-- Host memory is of the whole machine, other programs included; network counters start at 0 with the run.
with nodes as (
    select
        source,
        run_id,
        node,
        max(value) filter (quantity = 'system_memory_usage_bytes') as max_memory_bytes,
        max(value) filter (quantity = 'network_receive_bytes') as received_bytes,
        max(value) filter (quantity = 'network_transmit_bytes') as sent_bytes,
        arg_max(value, timestamp_ms) filter (quantity = 'disk_usage_bytes')
        - arg_min(value, timestamp_ms) filter (quantity = 'disk_usage_bytes') as disk_growth_bytes
    from stg_system_samples
    where gpu_index is null
    group by source, run_id, node
)
select
    source,
    run_id,
    count(*) as num_nodes,
    max(max_memory_bytes) as host_max_memory_bytes,
    sum(received_bytes) + sum(sent_bytes) as network_bytes,
    sum(disk_growth_bytes) as disk_growth_bytes
from nodes
group by source, run_id
