-- grain: one row per programme (or 'all') and resource, over all forecast weeks | source: forecast_totals
select t.as_of, t.week_start, t.num_weeks, t.programme, t.resource, t.p10, t.p50, t.p90, t.mean, t.calibration_id
from forecast_totals t
where t.as_of = (select max(as_of) from forecast_totals where as_of <= getvariable('as_of'))
order by t.resource, t.programme
