-- int_gpu_usage.sql | grain: one row per run, node and GPU of the host | source: stg_system_samples | no times
-- Maxima of samples are lower bounds of the peaks. Total memory and power limit follow from a value and its share of the
-- total, where the share is largest and its rounding to 0.1 % matters least. Energy: power between two samples is their mean.
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
),
in_order as (
    select
        *,
        lag(power_w) over (partition by source, run_id, node, gpu_index order by timestamp_ms) as power_before_w,
        (timestamp_ms - lag(timestamp_ms) over (partition by source, run_id, node, gpu_index order by timestamp_ms)) / 1000
            as gap_s
    from paired
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
    avg(utilization_ratio) as mean_utilization_ratio,
    (max(timestamp_ms) - min(timestamp_ms)) / 1000 as sampled_s,
    median(gap_s) as sampling_gap_s,
    arg_max(memory_bytes, timestamp_ms) filter (memory_bytes is not null) as last_memory_bytes,
    sum((power_w + power_before_w) / 2 * gap_s) as energy_j
from in_order
group by source, run_id, node, gpu_index
