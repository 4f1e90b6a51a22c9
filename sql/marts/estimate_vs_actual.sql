-- grain: one row per finished run, resource and origin of the estimate | source: int_estimate_errors | times: UTC
select e.*
from int_estimate_errors as e
where e.ended_at < getvariable('as_of')
order by e.ended_at, e.run_id, e.resource, e.origin
