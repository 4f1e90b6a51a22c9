-- A run comes from one source; results are kept by run id; copies in other stores are left out. | offending: runs that two sources hold
select run_id, count(distinct source) as num_sources
from training_runs
group by run_id
having count(distinct source) > 1
