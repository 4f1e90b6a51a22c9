from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from planner.sources.mlflow_postgres import PostgresDatabase

psycopg = pytest.importorskip("psycopg", reason="the PostgreSQL driver of the tests is not installed: make test")
WHO = "select pg_backend_pid(), (select count(*) from tags where key = 'later'), pg_sleep(.3)::text"


def test_two_connections_see_one_moment(postgres: str) -> None:
    with closing(PostgresDatabase(postgres)) as database, psycopg.connect(postgres, autocommit=True) as other:
        assert database.queries_at_once == 2
        other.execute("insert into tags select 'later', 'x', run_uuid from runs limit 1")
        try:
            with ThreadPoolExecutor(2) as pool:
                found = [rows[0] for rows in pool.map(database.rows, [WHO] * 2)]
        finally:
            other.execute("delete from tags where key = 'later'")
    assert len({process for process, *_ in found}) == 2
    assert [number for _, number, _ in found] == [0, 0]


def test_a_server_that_shares_no_snapshot_is_read_through_one_connection(postgres: str) -> None:
    export = "execute on function pg_export_snapshot()"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("create role reader login")
        admin.execute("grant pg_read_all_data to reader")
        admin.execute(f"revoke {export} from public")
        try:
            with closing(PostgresDatabase(postgres.replace("//postgres:", "//reader:"))) as database:
                assert database.queries_at_once == 1
                assert database.rows("select current_user::text") == [("reader",)]
                assert database.rows("select current_setting('transaction_read_only')") == [("on",)]
                assert database.rows("select count(*) from runs")[0][0] > 0
        finally:
            admin.execute(f"grant {export} to public")
            admin.execute("drop role reader")


def test_a_second_connection_reads_only_as_well(postgres: str) -> None:
    with closing(PostgresDatabase(postgres)) as database, ThreadPoolExecutor(2) as pool:
        asked = "select current_setting('transaction_read_only'), pg_backend_pid(), pg_sleep(.3)::text"
        found = [rows[0] for rows in pool.map(database.rows, [asked] * 2)]
    assert {setting for setting, *_ in found} == {"on"}
    assert len({process for _, process, _ in found}) == 2
