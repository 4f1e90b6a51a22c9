"""Physics without history: what a run needs, from its configuration alone. Start at estimate_run.py."""
