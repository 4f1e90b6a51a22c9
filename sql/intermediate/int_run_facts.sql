-- int_run_facts.sql | grain: one row per run | source: staging, int_gpu_usage, int_host_usage | times: UTC
-- Everything known of a run before it is interpreted; params, tags, metrics, histories, gpus, inputs and artifacts as JSON.
with params as (
    select source, run_id, json_group_object(name, value) as params from stg_run_params group by all
),
tags as (
    select source, run_id, json_group_object(name, value) as tags from stg_run_tags group by all
),
metrics as (
    select source, run_id, json_group_object(name, {'value': value, 'step': step, 'timestamp_ms': timestamp_ms}) as metrics
    from stg_run_metrics
    group by all
),
histories as (
    select source, run_id, json_group_object(name, {'steps': steps, 'timestamps_ms': timestamps_ms, 'values': vals}) as histories
    from (
        select
            source,
            run_id,
            name,
            list(step order by step, timestamp_ms, value) as steps,
            list(timestamp_ms order by step, timestamp_ms, value) as timestamps_ms,
            list(value order by step, timestamp_ms, value) as vals
        from stg_metric_points
        group by all
    )
    group by all
),
gpus as (
    select
        source,
        run_id,
        to_json(list(
            {
                'node': node,
                'gpu_index': gpu_index,
                'max_memory_bytes': max_memory_bytes,
                'memory_total_bytes': memory_total_bytes,
                'power_limit_w': power_limit_w,
                'mean_utilization_ratio': mean_utilization_ratio,
                'num_samples': num_samples,
                'sampled_s': sampled_s,
                'sampling_gap_s': sampling_gap_s,
                'last_memory_bytes': last_memory_bytes,
                'energy_j': energy_j
            }
            order by node, gpu_index
        )) as gpus
    from int_gpu_usage
    group by source, run_id
),
artifacts as (
    select source, run_id, json_group_object(path, text) as artifacts
    from stg_run_artifacts
    where text is not null
    group by all
),
sizes as (
    select source, run_id, json_group_object(path, num_bytes) as artifact_bytes
    from stg_run_artifacts
    where num_bytes is not null
    group by all
),
inputs as (
    select
        source,
        run_id,
        to_json(list({'name': name, 'context': context, 'num_rows': num_rows} order by name, digest)) as inputs
    from stg_run_inputs
    group by source, run_id
)
select
    r.source,
    r.run_id,
    r.experiment,
    r.name,
    r.status,
    r.is_deleted,
    r.started_at,
    r.ended_at,
    coalesce(p.params, '{}') as params,
    coalesce(t.tags, '{}') as tags,
    coalesce(m.metrics, '{}') as metrics,
    coalesce(y.histories, '{}') as histories,
    coalesce(g.gpus, '[]') as gpus,
    coalesce(i.inputs, '[]') as inputs,
    coalesce(a.artifacts, '{}') as artifacts,
    coalesce(b.artifact_bytes, '{}') as artifact_bytes,
    h.num_nodes,
    h.host_max_memory_bytes,
    h.network_bytes,
    h.disk_growth_bytes
from stg_runs as r
left join params as p using (source, run_id)
left join tags as t using (source, run_id)
left join metrics as m using (source, run_id)
left join histories as y using (source, run_id)
left join gpus as g using (source, run_id)
left join artifacts as a using (source, run_id)
left join sizes as b using (source, run_id)
left join inputs as i using (source, run_id)
left join int_host_usage as h using (source, run_id)
