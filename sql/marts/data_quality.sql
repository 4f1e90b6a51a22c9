-- data_quality.sql | grain: one row per experiment and field of a run | source: training_runs, refusals | no times
-- known_ratio: share of the experiment's runs in which the field is known; origins: from where, most frequent first.
with runs as (
    select r.run_id, r.experiment, r.origins, r.problem is null and f.run_id is null as is_estimable
    from training_runs as r
    left join refusals as f using (run_id)
    where r.started_at is null or r.started_at < getvariable('as_of')
),
experiments as (
    select experiment, count(*) as num_runs, count(*) filter (where is_estimable) as num_estimable from runs group by experiment
),
entries as (
    select experiment, unnest(map_entries(from_json(origins, '"MAP(VARCHAR, STRUCT(kind VARCHAR))"'))) as entry from runs
),
fields as (select experiment, entry.key as field, entry.value.kind as kind, count(*) as num_runs from entries group by all)
select
    f.experiment,
    any_value(e.num_runs) as num_runs,
    any_value(e.num_estimable) as num_estimable,
    f.field,
    coalesce(sum(f.num_runs) filter (where f.kind <> 'unknown'), 0) / any_value(e.num_runs) as known_ratio,
    string_agg(f.kind || ' ' || f.num_runs, ', ' order by f.num_runs desc, f.kind) as origins
from fields as f
join experiments as e using (experiment)
group by f.experiment, f.field
order by f.experiment, known_ratio, f.field
