"""Looks ahead: runs to come times what each is expected to need."""
