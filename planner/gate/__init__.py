"""Decides before a run starts whether it will fit, finish and stay in budget."""
