-- monthly_bill.sql | grain: one row per calendar month in the programme's zone | source: stg_bill_lines, int_bill_shares
-- Charges count in the month they start; cost as in FOCUS: EffectiveCost, or BilledCost where there is no other.
with shares as (
    select line_id, sum(cost_usd) as cost_usd from int_bill_shares group by line_id
)
select
    date_trunc('month', timezone(getvariable('time_zone'), l.charge_start))::date as month,
    sum(l.cost_usd)::double as effective_cost_usd,
    sum(l.billed_cost_usd)::double as billed_cost_usd,
    coalesce(sum(s.cost_usd), 0)::double as matched_cost_usd,
    count(*) filter (where s.cost_usd is null) as num_unmatched_charges
from stg_bill_lines as l
left join shares as s using (line_id)
where l.is_usage and l.charge_start < getvariable('as_of')
group by month
order by month
