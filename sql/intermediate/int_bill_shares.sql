-- int_bill_shares.sql | grain: one row per charge and run | source: stg_bill_lines, stg_runs | times: UTC
-- A charge belongs to the run whose id its tag names, else to runs of that name, else to those of that experiment: only
-- to those at work in its time, give or take an hour in which machines start and stop. Several runs share it by the
-- seconds that each was at work in it. Shares are rounded so that they add up to the charge to the last digit.
with runs as (
    -- a run that several stores hold is one run
    select
        run_id,
        any_value(name order by source) as name,
        any_value(experiment order by source) as experiment,
        min(start_ms) as start_ms,
        max(coalesce(end_ms, 4102444800000)) as end_ms
    from stg_runs
    where started_at is not null
    group by run_id
),
lines as (
    select * from stg_bill_lines where is_usage
),
named as (
    select run_id, 1 as match_rank, run_id as tag_value, start_ms, end_ms from runs
    union all
    select run_id, 2, name, start_ms, end_ms from runs
    union all
    select run_id, 3, experiment, start_ms, end_ms from runs
),
at_work as (
    select
        l.line_id,
        n.run_id,
        min(n.match_rank) as match_rank,
        any_value(greatest(least(n.end_ms, l.charge_end_ms) - greatest(n.start_ms, l.charge_start_ms), 0)) as overlap_ms
    from lines as l
    join named as n
        on n.tag_value = l.tag_value and n.start_ms - 3600000 < l.charge_end_ms and n.end_ms + 3600000 > l.charge_start_ms
    group by l.line_id, n.run_id
),
best as (
    select * from at_work
    qualify match_rank = min(match_rank) over (partition by line_id)
),
weighted as (
    -- where none was at work in the time itself, all that come near share alike
    select line_id, run_id, match_rank, case when whole_ms > 0 then overlap_ms else 1 end as weight
    from (select *, sum(overlap_ms) over (partition by line_id) as whole_ms from best)
),
summed as (
    select
        *,
        sum(weight) over (partition by line_id order by run_id) as weight_up_to,
        sum(weight) over (partition by line_id) as weight_of_all
    from weighted
    where weight > 0
),
running as (
    -- up to the last run it is the charge itself: a double cannot hold every digit of one
    select
        l.*,
        s.run_id,
        s.match_rank,
        s.weight / s.weight_of_all as share_ratio,
        case
            when s.weight_up_to = s.weight_of_all then l.cost_usd
            else round(l.cost_usd * (s.weight_up_to / s.weight_of_all), 10)::decimal(28, 10)
        end as cost_up_to_usd
    from summed as s
    join lines as l using (line_id)
)
select
    line_id,
    source_file,
    charge_start,
    run_id,
    match_rank,
    share_ratio,
    cost_up_to_usd - lag(cost_up_to_usd, 1, 0) over (partition by line_id order by run_id) as cost_usd,
    billed_cost_usd * share_ratio as billed_cost_usd,
    list_cost_usd * share_ratio as list_cost_usd,
    contracted_cost_usd * share_ratio as contracted_cost_usd
from running
