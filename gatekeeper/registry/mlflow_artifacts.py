"""What MLflow's artifact storage tells of files without handing them out.

A folder on this machine tells times as well; everything else is asked through MLflow's own listing, which knows paths
and sizes alone, whatever the storage behind it is.
"""

import posixpath
from pathlib import Path

from gatekeeper.intake.stored_files import StoredFile, look_at


def files_at(source: str, tracking_uri: str) -> tuple[StoredFile, ...] | None:
    """Return the files below an artifact address, sorted; ``None`` when it cannot be listed.

    Raises:
        MlflowException, OSError: the storage cannot be asked.
    """
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    if is_local_uri(source):
        # MLflow stores no links, and follows none: one in a file's place is no file.
        return look_at(Path(local_file_uri_to_path(source)), links=False)
    try:
        return _listed(source.rstrip("/"), tracking_uri)
    except NotImplementedError:  # plain http storage has no listing
        return None


def _listed(source: str, tracking_uri: str) -> tuple[StoredFile, ...]:
    from mlflow.artifacts import list_artifacts

    found: list[StoredFile] = []
    pending = [""]
    while pending:
        here = pending.pop()
        for told in list_artifacts(artifact_uri=posixpath.join(source, here).rstrip("/"), tracking_uri=tracking_uri):
            # MLflow's paths begin with the last part of the address that was asked for.
            path = posixpath.join(here, posixpath.basename(told.path))
            if told.is_dir:
                pending.append(path)
            else:
                found.append(StoredFile(path=path, size=None if told.file_size is None else int(told.file_size)))
    return tuple(sorted(found))
