-- int_gpu_usage.sql | grain: one row per run, node and GPU of the host | source: stg_system_samples | no times
-- Maxima of samples are lower bounds of the peaks. Total memory and power limit follow from a value and its share of the
-- total, where the share is largest and its rounding to 0.1 % matters least.
with paired as (
    select
        source,
        run_id,
        node,
        gpu_index,
        timestamp_ms,
        max(value) filter (quantity = 'memory_usage_bytes') as memory_bytes,
        max(value) filter (quantity = 'memory_usage_ratio') as memory_ratio,
        max(value) filter (quantity = 'power_usage_w') as power_w,
        max(value) filter (quantity = 'power_usage_ratio') as power_ratio,
        max(value) filter (quantity = 'utilization_ratio') as utilization_ratio
    from stg_system_samples
    where gpu_index is not null
    group by all
)
select
    source,
    run_id,
    node,
    gpu_index,
    count(*) as num_samples,
    max(memory_bytes) as max_memory_bytes,
    arg_max(memory_bytes / nullif(memory_ratio, 0), memory_ratio) as memory_total_bytes,
    max(power_w) as max_power_w,
    arg_max(power_w / nullif(power_ratio, 0), power_ratio) as power_limit_w,
    avg(utilization_ratio) as mean_utilization_ratio
from paired
group by source, run_id, node, gpu_index
