"""What a run makes and what it goes on from: they chain the attempts at one update."""

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.params import Params

TARGETS = ("hub_model_id", "registered_model_name", "output_dir", "save_folder", "out_dir", "checkpoint.save")
RESUMED = ("resume_from_checkpoint", "resume", "load_path", "ckpt_path", "checkpoint.load")
RESUMED_TAGS = ("last_loaded_checkpoint",)
IS_NONE = ("false", "0", "no")


def read_lineage(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Sets the target and the checkpoint that the run was resumed from."""
    for field, names in (("target", TARGETS), ("resumed_from", RESUMED)):
        found = next(((name, value) for name in names if (value := params.text(name)) is not None), None)
        if found is not None and found[1].lower() not in IS_NONE:
            draft.put(field, found[1].rstrip("/"), "logged", f"param {found[0]}")
        else:
            draft.unknown(field, f"params {', '.join(names)}")
    for name in RESUMED_TAGS:
        if facts.tags.get(name):
            draft.put("resumed_from", facts.tags[name], "tag", f"tag {name}")
