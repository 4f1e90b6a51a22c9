-- Params, tags, metrics, samples and inputs belong to a landed run. | offending: rows without one
select 'raw_params' as relation, source, run_id, key as name from raw_params anti join raw_runs using (source, run_id)
union all
select 'raw_tags', source, run_id, key from raw_tags anti join raw_runs using (source, run_id)
union all
select 'raw_metrics', source, run_id, key from raw_metrics anti join raw_runs using (source, run_id)
union all
select 'raw_system_samples', source, run_id, key from raw_system_samples anti join raw_runs using (source, run_id)
union all
select 'raw_metric_points', source, run_id, key from raw_metric_points anti join raw_runs using (source, run_id)
union all
select 'raw_artifacts', source, run_id, path from raw_artifacts anti join raw_runs using (source, run_id)
union all
select 'raw_inputs', source, run_id, name from raw_inputs anti join raw_runs using (source, run_id)
