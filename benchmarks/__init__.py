"""Benchmarks: one command and one committed page of results each."""
