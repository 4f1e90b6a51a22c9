"""How a tracking store is named in rows and messages: its URI without credentials."""

import re

FILE_SCHEMES = ("sqlite", "file")


def redact_uri(tracking_uri: str) -> str:
    """The URI without user, password, query and fragment.

    >>> redact_uri("postgresql://ann:secret@db.internal:5432/mlflow?sslmode=require")
    'postgresql://db.internal:5432/mlflow'
    >>> redact_uri("sqlite:////data/mlflow.db")
    'sqlite:////data/mlflow.db'
    """
    scheme, separator, rest = tracking_uri.partition("://")
    if separator and scheme.partition("+")[0] not in FILE_SCHEMES:
        rest = rest.rpartition("@")[2]  # the last one: a password may hold any sign, unquoted too
    return re.split(r"[?#]", f"{scheme}{separator}{rest}", maxsplit=1)[0]
