"""What a storage says of files without reading them: names, sizes and, on this machine, times."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from gatekeeper.registry.port import StoredFile


def local_files(folder: Path) -> tuple[StoredFile, ...]:
    """Return the files of a folder, sorted by path; empty when there is no such folder.

    ``changed`` is the time of the last change of content or rights, which nobody but root can set back.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        if path.is_file() or path.is_symlink():
            found.append(
                StoredFile(
                    path=path.relative_to(folder).as_posix(),
                    size=stat.st_size,
                    changed=f"{stat.st_mtime_ns}/{stat.st_ctime_ns}/{stat.st_ino}",
                )
            )
    return tuple(sorted(found))


def listed(source: str, *, tracking_uri: str) -> tuple[StoredFile, ...]:
    """Return the files at an artifact address of MLflow, sorted by path.

    Args:
        source: address of the folder.
        tracking_uri: the server that answers for ``mlflow-artifacts:`` addresses.

    Raises:
        MlflowException, OSError: they cannot be listed.
    """
    if (folder := _local(source)) is not None:
        return local_files(folder)
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository(source, tracking_uri=tracking_uri)
    return tuple(sorted(_walk(repository, None)))


def _local(source: str) -> Path | None:
    parts = urlsplit(source)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(source) if not parts.scheme else None


def _walk(repository: Any, folder: str | None) -> list[StoredFile]:
    found = []
    for entry in repository.list_artifacts(folder):
        if entry.is_dir:
            found += _walk(repository, entry.path)
        else:
            found.append(StoredFile(path=str(entry.path), size=int(entry.file_size or 0)))
    return found
