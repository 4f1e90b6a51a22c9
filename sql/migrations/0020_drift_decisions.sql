-- What people decided about drifts. Rows are only ever added; the newest about a drift counts.
create table drift_decisions (
    decision_id varchar primary key,
    decided_at timestamptz not null,
    drift_id varchar not null,
    "action" varchar not null check ("action" in ('acknowledge', 'close')),
    note varchar not null
);
