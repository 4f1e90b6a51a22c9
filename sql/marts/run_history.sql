-- run_history.sql | grain: one row per run started before as_of | source: training_runs, stg_runs, run_costs | times: UTC
select
    r.run_id,
    r.name as run_name,
    r.experiment,
    r.status,
    s.is_deleted,
    r.started_at,
    r.ended_at,
    r.dialect,
    r.config ->> '$.model.name' as model,
    r.config ->> '$.method' as method,
    r.config ->> '$.cluster.accelerator.slug' as accelerator,
    (r.config ->> '$.cluster.count')::bigint as num_accelerators,
    (r.config ->> '$.seq_len')::bigint as seq_len,
    (r.config ->> '$.micro_batch_size')::bigint as micro_batch_size,
    (r.config ->> '$.gradient_accumulation_steps')::bigint as gradient_accumulation_steps,
    (r.actual ->> '$.steps')::bigint as steps,
    (r.actual ->> '$.tokens')::double as tokens,
    (r.actual ->> '$.duration_s')::double as duration_s,
    (r.actual ->> '$.tokens_per_s_per_accelerator')::double as tokens_per_s_per_accelerator,
    (r.actual ->> '$.peak_allocated_bytes')::double as peak_allocated_bytes,
    (r.actual ->> '$.peak_reserved_bytes')::double as peak_reserved_bytes,
    (r.actual ->> '$.peak_device_bytes')::double as peak_device_bytes,
    (r.actual ->> '$.host_peak_bytes')::double as host_peak_bytes,
    c.accelerator_hours,
    c.list_cost_usd,
    (r.actual ->> '$.cost_usd')::double as actual_cost_usd,
    r.problem,
    r.source
from training_runs as r
left join stg_runs as s using (source, run_id)
left join run_costs as c on c.run_id = r.run_id
where r.started_at is null or r.started_at < getvariable('as_of')
order by r.started_at desc nulls last, r.run_id
