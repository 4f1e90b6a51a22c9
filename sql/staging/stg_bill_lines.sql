-- stg_bill_lines.sql | grain: one row per tagged charge of a bill | source: raw_bill_lines | times: UTC
-- cost_usd: what the charge cost: EffectiveCost, or BilledCost where the bill has no other. A charge that is no usage
-- (a purchase, tax or credit) belongs to no run: the usage it pays for has its share of it as EffectiveCost.
select
    line_id,
    provider,
    billing_account,
    tag_key,
    tag_value,
    source_file,
    source_row,
    make_timestamptz(charge_start_ms * 1000) as charge_start,
    make_timestamptz(charge_end_ms * 1000) as charge_end,
    charge_start_ms,
    charge_end_ms,
    charge_category,
    charge_category = 'Usage' as is_usage,
    charge_class,
    pricing_category,
    service,
    region,
    resource_id,
    coalesce(effective_cost_usd, billed_cost_usd) as cost_usd,
    billed_cost_usd,
    effective_cost_usd,
    list_cost_usd,
    contracted_cost_usd
from raw_bill_lines
