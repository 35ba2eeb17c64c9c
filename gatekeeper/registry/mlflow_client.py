"""The one place that opens MLflow: quiet, without telemetry, and with an end to its patience.

MLflow is steered by environment variables that it reads again at every call and offers no other way to set, so they
are set here, once, before its first import; a value that the user has set stays.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gatekeeper.core.errors import RegistryError
from gatekeeper.core.waiting import waiting
from gatekeeper.registry.address import sqlite_file

_KNOBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # Without these, a server that is down is asked for minutes: 7 retries of 120 s, each waiting twice as long.
        # A move that fails asks twice, once more to see what is true: with these, 82 s when nobody ever answers.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    }
)

_LONGEST: Final = 300


def connect(tracking_uri: str, registry_uri: str) -> Any:
    """Return an ``MlflowClient``; the first call loads MLflow, and may create a database's tables.

    Raises:
        RegistryError: MLflow refuses an address, or its database is of another version.
    """
    for name, value in _KNOBS.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking.client import MlflowClient

    # In case something else imported MLflow first, with its own idea of what is worth saying.
    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    with translated("open the model registry"), ExitStack() as locks:
        # Sorted, so that two processes take them in the same order; once each, since a lock is not its holder's twice.
        files = (sqlite_file(tracking_uri), sqlite_file(registry_uri))
        for file in sorted({file.resolve() for file in files if file is not None}):
            locks.enter_context(_alone(file))
        client = MlflowClient(tracking_uri=tracking_uri, registry_uri=registry_uri)
    here = all(sqlite_file(uri) is not None for uri in (tracking_uri, registry_uri))
    return client if here else _Elsewhere(client)


class _Elsewhere:
    """A client whose answers come from another process: while it waits for one, other threads compute."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        @wraps(found)
        def asked(*args: Any, **kwargs: Any) -> Any:
            with waiting():
                return found(*args, **kwargs)

        return asked


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Keep other processes of this machine out while MLflow may be making a SQLite file's tables.

    MLflow looks whether they are there and makes them without a lock, so two first comers break each other.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with Path(f"{file}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn whatever MLflow raises while ``doing`` something into one sentence of the error tree."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        # requests' own errors are OSErrors.
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
        if len(reason) > _LONGEST:
            reason = reason[:_LONGEST] + "…"
        raise RegistryError(
            f"The model registry could not {doing}: {reason}.", hint="Nothing was promoted; repeat the command."
        ) from error


def is_missing(error: BaseException | None) -> bool:
    """Return whether MLflow said that what was asked for does not exist."""
    return getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"


def is_taken(error: BaseException | None) -> bool:
    """Return whether MLflow said that what was to be created exists already."""
    return getattr(error, "error_code", None) == "RESOURCE_ALREADY_EXISTS"
