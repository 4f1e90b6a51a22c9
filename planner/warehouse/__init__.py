"""The warehouse: one DuckDB file that one process writes, and a snapshot that all read. Only here is DuckDB known.

connection   ``connect`` and ``open_snapshot``
landing      ``land`` raw runs, watermarks
build        views, marts and checks from the SQL files
facts        ``read_facts`` and ``understand``: from landed runs to training runs
tables       tables made from row types: ``ensure_table``, ``upsert``, ``replace_all``, ``read``, ``read_table``
updates      ``store_updates``: attempts chained into updates
registry     which tables Python writes
snapshot     ``publish``
inbox        ``leave_in_inbox`` and ``collect_inbox``
"""
