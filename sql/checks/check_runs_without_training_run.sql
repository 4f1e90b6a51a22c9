-- Every landed run is understood, even if only as unknown. | offending: runs in raw_runs alone
select r.source, r.run_id
from raw_runs as r
anti join training_runs as t using (run_id)
anti join int_runs_of_others as o on o.source = r.source and o.run_id = r.run_id
