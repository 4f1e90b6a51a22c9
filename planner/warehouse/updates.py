"""The table ``updates``: attempts among the training runs, chained anew from the first one that changed.

An update that finished before that stays as it is: chaining goes by the start of attempts, and nothing joins what has
finished. Which runs changed is noted with what was interpreted, so that a killed job leaves nothing undone.
"""

import json
from typing import Any

from planner.dialects.updates import CHANGED_BY_A_RETRY, Attempt, Trained, chain_attempts
from planner.warehouse.connection import Warehouse
from planner.warehouse.registry import store

MEMBERS = """
select source, experiment, started_at, unnest(from_json(run_ids, '["VARCHAR"]')) as run_id from updates
"""
FIRST_CHANGED = f"""
create or replace temp table first_changed as
with members as ({MEMBERS}),
changed as (select source, run_id from understood where is_chained is not true)
select source, experiment, min(started_at) as since
from (
    select source, experiment, started_at from training_runs semi join changed using (source, run_id)
    union all
    select source, experiment, started_at from members semi join changed using (source, run_id)
    union all
    select source, experiment, started_at from members anti join training_runs using (source, run_id)
)
where started_at is not null
group by source, experiment
"""
CHAINED_ANEW = """
create or replace temp table chained_anew as
select source, first_run_id, run_ids
from updates join first_changed using (source, experiment)
where finished_at is null or finished_at >= since or started_at >= since
"""
SERIES = "(config ->> '$.model.name') || ' ' || coalesce(config ->> '$.method', 'None')"
ATTEMPTS = f"""
select source, run_id, experiment, status, started_at, ended_at, target, resumed_from,
    case when config ->> '$.model' is null then run_id else md5(json_merge_patch(config, ?)) end,
    {SERIES},
    (config ->> '$.dataset.tokens')::double, (config ->> '$.dataset.rows')::double, (actual ->> '$.tokens')::double
from training_runs join first_changed using (source, experiment)
where started_at >= since or started_at is not null and (source, run_id) in (
    select (source, unnest(from_json(run_ids, '["VARCHAR"]'))) from chained_anew
)
"""
LAST_BEFORE = """
select source, experiment, series, dataset_tokens, dataset_rows, tokens
from updates join first_changed using (source, experiment)
where finished_at < since and series is not null
qualify row_number() over (
    partition by source, experiment, series order by finished_at desc, run_ids ->> '$[#-1]' desc
) = 1
"""


STILL_CHAINED = """
select run_id
from understood_anew as n
join training_runs as t using (source, run_id)
join understood as u using (source, run_id)
where u.is_chained and (n.experiment, n.status, n.config, n.actual) = (t.experiment, t.status, t.config, t.actual)
    and (n.started_at, n.ended_at, n.target, n.resumed_from)
    is not distinct from (t.started_at, t.ended_at, t.target, t.resumed_from)
"""


def still_chained(db: Warehouse, runs: Any) -> frozenset[str]:
    """Of runs that were interpreted anew, an Arrow table, those that are as the table of training runs has them."""
    with db.shown({"understood_anew": runs}):
        return frozenset(run_id for (run_id,) in db.execute(STILL_CHAINED))


def store_updates(db: Warehouse) -> int:
    """Makes the table hold the updates of all training runs, see ``Update`` for its columns; the rows touched."""
    with db.transaction():
        db.execute(FIRST_CHANGED)
        db.execute(CHAINED_ANEW)
        before = {(row[0], row[1], row[2]): Trained(*row[3:]) for row in db.execute(LAST_BEFORE)}
        attempts = db.execute(ATTEMPTS, (json.dumps(_without(CHANGED_BY_A_RETRY)),))
        found = chain_attempts(map(Attempt._make, attempts), before)
        touched = store(db, "updates", found)
        keep = {(one.source, one.first_run_id) for one in found}
        for key in db.execute("select source, first_run_id from chained_anew"):
            if key not in keep:
                db.execute("delete from updates where source = ? and first_run_id = ?", key)
                touched += 1
        db.execute("update understood set is_chained = true where is_chained is not true")
    return touched


def _without(fields: dict[str, Any]) -> dict[str, Any]:
    """A merge patch (RFC 7386) that takes the fields out: null deletes."""
    return {name: _without(part) if isinstance(part, dict) else None for name, part in fields.items()}
