-- A run is landed once. | offending: keys with several rows
select source, run_id, count(*) as num_rows
from raw_runs
group by source, run_id
having count(*) > 1
