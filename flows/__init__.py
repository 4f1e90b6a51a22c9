"""The Prefect flows: read, compute, write. Nothing else in the project imports Prefect."""
