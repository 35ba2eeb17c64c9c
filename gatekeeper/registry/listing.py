"""What MLflow lists: a model's versions, who made a run, and one file of it.

Names, tags and addresses here were written by whoever could write to MLflow: they are looked at and never believed.
"""

import urllib.parse
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from gatekeeper.core.errors import RegistryError, VerificationError
from gatekeeper.registry.mlflow_client import is_missing, translated
from gatekeeper.registry.port import RegisteredVersion

_AT_ONCE: Final = 100
_USER_TAG: Final = "mlflow.user"
_READY: Final = "READY"

STORAGE: Final = frozenset(
    {"mlflow-artifacts", "s3", "gs", "wasb", "wasbs", "abfs", "abfss", "dbfs", "r2", "b2", "uc"}
)
"""Schemes of places that a registry is given to keep files in, with credentials of its own."""


def versions(client: Any, model: str) -> Iterator[RegisteredVersion]:
    """Yield the versions of a model, newest first, a hundred at a time."""
    token: str | None = None
    while True:
        with translated(f"list the versions of {model}"):
            page = client.search_model_versions(
                f"name={_quoted(model)}",
                max_results=_AT_ONCE,
                order_by=["version_number DESC"],
                page_token=token,
            )
        for found in page:
            yield RegisteredVersion(
                model=model,
                version=str(found.version),
                created_ms=int(found.creation_timestamp or 0),
                ready=found.status == _READY,
                run_id=str(found.run_id) if found.run_id else None,
                tags={str(key): str(value) for key, value in found.tags.items()},
            )
        token = page.token or None
        if token is None:
            return


def is_within_reach(source: str, artifact_root: Path | None) -> bool:
    """Return whether an address is one that a registry chooses itself: its storage, or below its own folder."""
    scheme = urllib.parse.urlsplit(source).scheme.lower()
    if scheme in STORAGE:
        return True
    if scheme not in {"", "file"} or artifact_root is None:
        return False
    parts = urllib.parse.urlsplit(source)
    if parts.netloc not in {"", "localhost"}:
        return False
    path = urllib.parse.unquote(parts.path) if scheme else source
    return Path(path).resolve().is_relative_to(artifact_root.resolve())


def run_user(client: Any, run_id: str) -> str:
    """Return who made a run, as MLflow was told; empty when it was not, or there is no such run."""
    try:
        with translated(f"look up the run {run_id}"):
            return str(client.get_run(run_id).data.tags.get(_USER_TAG) or "")
    except RegistryError as error:
        if is_missing(error.__cause__):
            return ""
        raise


def run_file(client: Any, run_id: str, path: str, into: Path) -> Path:
    """Copy one file of a run into an empty folder and return it.

    Raises:
        VerificationError: there is no plain file of that name.
    """
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts or "\\" in path or "\x00" in path or "%" in path:
        raise _no_file(path)
    try:
        with translated(f"fetch {path} of the run {run_id}"):
            found = Path(str(client.download_artifacts(run_id, parts.as_posix(), str(into))))
    except RegistryError as error:
        if is_missing(error.__cause__) or isinstance(error.__cause__, FileNotFoundError):
            raise _no_file(path) from error
        raise
    if found.is_symlink() or not found.is_file() or not found.resolve().is_relative_to(into.resolve()):
        raise _no_file(path)
    return found


def _quoted(name: str) -> str:
    """Return a name as MLflow's filters take it.

    Raises:
        RegistryError: it holds both kinds of quotation marks, which no filter can say.
    """
    if "'" not in name:
        return f"'{name}'"
    if '"' not in name:
        return f'"{name}"'
    raise RegistryError(
        f"The versions of {name} cannot be listed: its name holds both kinds of quotation marks.",
        hint="Register the model under a name without them.",
    )


def _no_file(path: str) -> VerificationError:
    return VerificationError(
        f"The run behind the version holds no file {path!r}.",
        hint="Log it with the run, and name its path in the tag.",
    )
