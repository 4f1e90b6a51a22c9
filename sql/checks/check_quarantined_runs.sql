-- Every run that was read has landed. | offending: runs that could not be landed, and why
select source, run_id, reason
from quarantined_runs
