import pytest

from planner.domain.tracking_uri import redact_uri


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("http://ann:s3cret@host:5000/path", "http://host:5000/path"),
        ("https://token@host", "https://host"),
        ("postgresql+psycopg://ann:p@ss/w?0rd@db/mlflow?sslmode=x#y", "postgresql+psycopg://db/mlflow"),
        ("sqlite:///runs@home/mlflow.db", "sqlite:///runs@home/mlflow.db"),
        ("sqlite:////abs/mlflow.db", "sqlite:////abs/mlflow.db"),
        ("databricks", "databricks"),
        ("databricks://profile", "databricks://profile"),
        ("mlruns", "mlruns"),
    ],
)
def test_a_store_is_named_without_credentials(uri: str, name: str) -> None:
    assert redact_uri(uri) == name
