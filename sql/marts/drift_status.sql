-- grain: one row per group and resource | source: drift_statuses | times: UTC
select
    d.as_of, d.resource, d."group", d.num_runs, d.baseline_log_bias, d.recent_log_bias, d.statistic, d."limit", d.state,
    d.direction, d.since, d.factor, d.factor_p10, d.factor_p90, d.drift_id, d.stage, d.alarm_at, d.closed_at,
    d.closed_because, coalesce(d.note, '') as note, d.verdict ->> '$.kind' as moved, d.verdict ->> '$.sentence' as verdict,
    d.verdict -> '$.before' as "before", d.verdict -> '$.after' as "after"
from drift_statuses d
where d.as_of = (select max(as_of) from drift_statuses where as_of <= getvariable('as_of'))
order by
    d.state = 'drifting' desc, d.stage is not null desc, d.statistic / d."limit" desc nulls last, d.resource, d."group"
