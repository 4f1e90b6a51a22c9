"""Memory of one device: one file a tenant, timeline.py lines them up by moment, allocator.py says what a tool shows."""
