"""Searches other hardware and settings for a run, with the effective batch kept: the Pareto front of time and cost."""
