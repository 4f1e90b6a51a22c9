-- Tagged charges of cloud bills in the FOCUS format, USD; times in milliseconds since 1970, UTC, the end is exclusive.
-- An import takes the place of what was imported before for the same provider, account and day.
create table raw_bill_lines (
    line_id varchar not null,
    provider varchar not null,
    billing_account varchar not null,
    tag_key varchar not null,
    charge_day date not null,
    tag_value varchar not null,
    source_file varchar not null,
    source_row bigint not null,
    charge_start_ms bigint not null,
    charge_end_ms bigint not null,
    charge_category varchar not null,
    charge_class varchar,
    pricing_category varchar,
    service varchar,
    region varchar,
    resource_id varchar,
    billed_cost_usd decimal(28, 10) not null,
    effective_cost_usd decimal(28, 10),
    list_cost_usd decimal(28, 10),
    contracted_cost_usd decimal(28, 10)
);
