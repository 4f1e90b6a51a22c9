-- int_run_factors.sql | grain: one row per run | source: training_runs, run_costs, staging | times: UTC
-- The circumstances of a run that may explain a drift: what ran on what, how long its samples were, at which price.
with logged as (
    select source, run_id, name, value from stg_run_params
    union all
    select source, run_id, name, value from stg_run_tags
),
versions as (
    select source, run_id, name, left(min(value), 100) as value
    from logged
    where regexp_matches(lower(name), '(^|[._/ -])(version|driver|cuda)($|[._/ -])') and trim(value) <> ''
    group by all
),
named as (
    select source, run_id, json_group_object(name, value) as versions
    from (select * from versions order by name)
    group by all
)
select
    t.run_id,
    t.experiment,
    t.started_at,
    t.config ->> '$.framework' as framework,
    t.config ->> '$.framework_version' as framework_version,
    t.config ->> '$.cluster.accelerator.slug' as accelerator,
    t.config ->> '$.model.name' as model,
    t.config ->> '$.method' as method,
    coalesce(
        (t.config ->> '$.mean_tokens_per_sample')::double,
        (t.actual ->> '$.tokens')::double
            / nullif((t.config ->> '$.dataset.rows')::double * (t.config ->> '$.epochs')::double, 0),
        (t.config ->> '$.seq_len')::double
    ) as tokens_per_sample,
    c.list_cost_usd / nullif(c.accelerator_hours, 0) as usd_per_accelerator_hour,
    coalesce(n.versions, '{}') as versions
from training_runs as t
left join run_costs as c using (run_id)
left join named as n on n.source = t.source and n.run_id = t.run_id
