-- int_run_bills.sql | grain: one row per run with charges | source: int_bill_shares | no times
-- cost_usd is FOCUS's EffectiveCost (BilledCost where a bill has no other). A run whose charges add up to less than
-- nothing (corrections of an earlier bill) has no cost that means anything; a sum that lacks a part is none.
select
    run_id,
    count(*) as num_charges,
    sum(cost_usd) as sum_usd,
    case when sum(cost_usd) >= 0 then sum(cost_usd)::double end as cost_usd,
    sum(billed_cost_usd order by line_id) as billed_cost_usd,
    case when count(list_cost_usd) = count(*) then sum(list_cost_usd order by line_id) end as list_cost_usd,
    case when count(contracted_cost_usd) = count(*) then sum(contracted_cost_usd order by line_id) end as contracted_cost_usd
from int_bill_shares
group by run_id
