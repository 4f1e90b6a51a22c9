-- Charges of a run add up to something. | offending: runs with less than nothing, whose cost is read as unknown
select run_id, num_charges, sum_usd
from int_run_bills
where cost_usd is null
