-- run_bills.sql | grain: one row per run with charges in cloud bills, ended before as_of | source: int_run_bills | times: UTC
-- Costs as in FOCUS 1.2; priced_cost_usd: accelerator hours at the prices that estimates use.
select
    b.run_id,
    r.name as run_name,
    r.experiment,
    r.ended_at,
    b.num_charges,
    b.list_cost_usd,
    b.contracted_cost_usd,
    b.cost_usd as effective_cost_usd,
    b.billed_cost_usd,
    c.list_cost_usd as priced_cost_usd
from int_run_bills as b
join training_runs as r using (run_id)
left join run_costs as c on c.run_id = b.run_id
where r.ended_at < getvariable('as_of')
order by r.ended_at desc, b.run_id
