"""The table ``updates``: attempts among the training runs, chained."""

import json
from typing import Any

from planner.dialects.updates import CHANGED_BY_A_RETRY, Attempt, chain_attempts
from planner.warehouse.connection import Warehouse
from planner.warehouse.registry import store

SERIES = "(config ->> '$.model.name') || ' ' || coalesce(config ->> '$.method', 'None')"
ATTEMPTS = f"""
select source, run_id, experiment, status, started_at, ended_at, target, resumed_from,
    case when config ->> '$.model' is null then run_id else md5(json_merge_patch(config, ?)) end,
    {SERIES},
    (config ->> '$.dataset.tokens')::double, (config ->> '$.dataset.rows')::double, (actual ->> '$.tokens')::double
from training_runs
where started_at is not null
"""


def store_updates(db: Warehouse) -> int:
    """Makes the table hold the updates of all training runs, see ``Update`` for its columns; the rows touched."""
    attempts = map(Attempt._make, db.execute(ATTEMPTS, (json.dumps(_without(CHANGED_BY_A_RETRY)),)))
    return store(db, "updates", chain_attempts(attempts), complete=True)


def _without(fields: dict[str, Any]) -> dict[str, Any]:
    """A merge patch (RFC 7386) that takes the fields out: null deletes."""
    return {name: _without(part) if isinstance(part, dict) else None for name, part in fields.items()}
