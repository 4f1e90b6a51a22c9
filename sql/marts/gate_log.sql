-- grain: one row per gate decision, with the first run of that configuration started within a week | source: gate_decisions, run_costs | times: UTC
select
    g.decision_id,
    g.decided_at,
    g.name,
    g.verdict,
    coalesce(list_aggregate(json_extract_string(g.reasons, '$[*].message'), 'string_agg', '; '), '') as reasons,
    (g.estimate ->> '$.cost_usd.p50')::double as cost_usd_p50,
    (g.estimate ->> '$.duration_s.p50')::double as duration_s_p50,
    (g.estimate ->> '$.memory.fits_probability')::double as fits_probability,
    arg_min(c.run_id, c.started_at) as run_id,
    arg_min(c.accelerator_hours * 3600 / c.num_accelerators, c.started_at) as actual_duration_s
from gate_decisions g
left join run_costs c
    on c.config_hash = g.config_hash and c.started_at between g.decided_at and g.decided_at + interval 7 days
group by all
order by g.decided_at desc, g.decision_id
