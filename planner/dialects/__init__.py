"""One file a training framework: its logged names -> RunConfig and Actual, with the origin of every field."""
