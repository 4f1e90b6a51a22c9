-- grain: one row per week, programme (or 'all') and resource | source: forecast_weeks | weeks: programme's zone
select w.as_of, w.week_start, w.programme, w.resource, w.p10, w.p50, w.p90, w.mean, w.calibration_id
from forecast_weeks w
where w.as_of = (select max(as_of) from forecast_weeks where as_of <= getvariable('as_of'))
order by w.resource, w.programme, w.week_start
