-- grain: one row per calendar month in the programme's zone | source: run_costs | runs count in the month they end
select
    date_trunc('month', timezone(getvariable('time_zone'), c.ended_at))::date as month,
    sum(c.list_cost_usd order by c.run_id) as list_cost_usd,
    count(*) filter (where c.list_cost_usd is null) as num_runs_without_price
from run_costs c
where c.ended_at < getvariable('as_of')
group by month
order by month
