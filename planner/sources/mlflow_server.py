"""Questions to a tracking server past MLflow's client, with its credentials and patience."""

from typing import Any

from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request_safe


def is_server(tracking_uri: str) -> bool:
    """Whether a URI names a server that is asked in JSON.

    >>> is_server("https://mlflow.example.com"), is_server("databricks")
    (True, False)
    """
    return tracking_uri.partition("://")[0] in ("http", "https")


def answer(tracking_uri: str, endpoint: str, method: str, **question: Any) -> dict[str, Any]:
    """The JSON that a server answers; MLflow's and requests' own errors where it does not."""
    credentials = get_default_host_creds(tracking_uri)  # type: ignore[no-untyped-call]
    response = http_request_safe(credentials, endpoint, method, **question)  # type: ignore[no-untyped-call]
    found: dict[str, Any] = response.json()
    return found
