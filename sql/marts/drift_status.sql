-- grain: one row per group and resource | source: drift_statuses | times: UTC
select
    d.as_of, d.resource, d."group", d.num_runs, d.baseline_log_bias, d.recent_log_bias, d.statistic, d."limit", d.state,
    d.direction, d.since, d.factor
from drift_statuses d
where d.as_of = (select max(as_of) from drift_statuses where as_of <= getvariable('as_of'))
order by d.state = 'drifting' desc, d.statistic / d."limit" desc nulls last, d.resource, d."group"
