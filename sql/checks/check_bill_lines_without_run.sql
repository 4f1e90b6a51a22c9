-- A tagged charge of use belongs to a run. | offending: charges whose tag names no run at work then
select l.provider, l.source_file, l.source_row, l.tag_key, l.tag_value, l.charge_start, l.cost_usd
from stg_bill_lines as l
anti join int_bill_shares as s using (line_id)
where l.is_usage
