-- grain: one row per run, group and resource of a series that drifts or lately did | source: drift_points | times: UTC
select p.resource, p."group", p.drift_id, p.run_id, p.ended_at, p.ratio, p.ewma_ratio, p.band_ratio, p.statistic_share
from drift_points p
where p.as_of = (select max(as_of) from drift_statuses where as_of <= getvariable('as_of'))
order by p.resource, p."group", p.ended_at, p.run_id
