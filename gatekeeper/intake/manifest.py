"""The manifest: every file of a folder, by path, size and SHA-256.

Bytes are bytes: hidden files, stray pickles and version-control folders are listed like any other file, because
whatever lies in the folder can be loaded from it. A link that leaves the folder, a link to a folder, a socket, a pipe
or a device cannot be pinned by content, and ends the intake.

Law: the manifest depends on paths and contents alone, never on the order of the directory, times or owners.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import InputError, UsageError
from gatekeeper.core.update import Manifest, ManifestEntry

BASE_ENTRY = "base"
"""Path of the entry that stands for the base model's own manifest."""

_THREADS = min(8, os.cpu_count() or 1)
_COPY_HINT = "Copy the folder with links replaced by files (cp -rL) and name the copy."


def hash_tree(folder: Path) -> tuple[ManifestEntry, ...]:
    """Return one entry per file below ``folder``, sorted by POSIX path.

    Raises:
        UsageError: the folder is missing, no folder, or empty.
        InputError: something in it cannot be pinned by content, or cannot be read.
    """
    require_folder(folder)
    paths = sorted(_files(folder))
    if not paths:
        raise UsageError(f"The folder {folder} is empty.", hint="Name the folder that holds the weights.")
    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        return tuple(pool.map(lambda path: _entry(folder, path), paths))


def base_manifest(folder: Path) -> Manifest:
    """Return the manifest of a base model's folder.

    Raises:
        UsageError: as :func:`hash_tree`.
        InputError: as :func:`hash_tree`.
    """
    return Manifest(entries=hash_tree(folder))


def artifact_manifest(folder: Path, base: Manifest | None) -> Manifest:
    """Return a candidate's manifest: its own files and, on a base, the base's manifest as the entry ``base``.

    Raises:
        UsageError: as :func:`hash_tree`.
        InputError: as :func:`hash_tree`; or a file of the candidate is itself called ``base``.
    """
    entries = hash_tree(folder)
    if any(entry.path == BASE_ENTRY for entry in entries):
        raise InputError(
            f"{folder} holds a file called {BASE_ENTRY!r}, the name that stands for the base model in a manifest.",
            hint="Remove or rename that file.",
        )
    if base is None:
        return Manifest(entries=entries)
    standing_for_base = ManifestEntry(path=BASE_ENTRY, size=base.size, sha256=base.digest)
    return Manifest(entries=tuple(sorted((*entries, standing_for_base))))


def require_folder(folder: Path) -> None:
    """Return when ``folder`` is a readable folder.

    Raises:
        UsageError: it is not.
    """
    if not folder.exists():
        raise UsageError(f"There is no folder {folder}.", hint="Check the path.")
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file.", hint="Name the folder that holds it.")


def _files(folder: Path) -> Iterator[str]:
    root = folder.resolve()
    pending = [root]
    while pending:
        here = pending.pop()
        try:
            found = list(os.scandir(here))
        except OSError as error:
            raise InputError(f"The folder {here} cannot be read: {error.strerror}.", hint="Check rights.") from error
        for entry in found:
            path = Path(entry.path)
            name = path.relative_to(root).as_posix()
            if not _is_unicode(name):
                raise InputError(f"A file name in {here} is not UTF-8: {name!a}.", hint="Rename or remove that file.")
            if entry.is_symlink():
                _require_inner_file(root, path, name)
                yield name
            elif entry.is_dir(follow_symlinks=False):
                pending.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield name
            else:
                raise InputError(
                    f"{name} in {folder} is no regular file ({_kind(path)}).", hint="Remove it from the folder."
                )


def _require_inner_file(root: Path, path: Path, name: str) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise InputError(f"The link {name} in {root} leads nowhere.", hint=_COPY_HINT) from error
    if not target.is_relative_to(root):
        raise InputError(f"The link {name} in {root} leaves the folder.", hint=_COPY_HINT)
    if not target.is_file():
        raise InputError(f"The link {name} in {root} does not lead to a regular file.", hint=_COPY_HINT)


def _entry(folder: Path, name: str) -> ManifestEntry:
    path = folder / name
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check rights.") from error
    return ManifestEntry(path=name, size=size, sha256=Digest("sha256:" + digest))


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(path: Path) -> str:
    mode = path.lstat().st_mode
    kinds = ((stat.S_ISSOCK, "a socket"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISBLK, "a block device"))
    return next((words for test, words in kinds if test(mode)), "a device")
