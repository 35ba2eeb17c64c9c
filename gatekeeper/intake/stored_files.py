"""What a folder's files look like from outside: names, sizes and times. No byte of them is read.

The fingerprint says when it is time to hash again. It never stands for the bytes: sizes and times can be forged.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gatekeeper.core.digests import Digest, digest_of
from gatekeeper.core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class StoredFile:
    """One file, as its storage describes it."""

    path: str
    """POSIX path inside the folder."""
    size: int | None
    """In bytes; ``None`` where the storage tells none."""
    mark: str = ""
    """Whatever else changes with the file, such as times; empty where the storage tells nothing."""


def look_at(folder: Path, *, links: bool = True) -> tuple[StoredFile, ...]:
    """Return every file below a local folder, sorted; nothing when the folder is missing.

    The mark is the inode with the times of the last write and of the last change of its entry, in nanoseconds: the
    second one cannot be set by whoever changes a file, only by whoever owns the machine.

    Args:
        folder: where they lie.
        links: whether a link stands for the file that it leads to; else it is told as ``name (link)``, so that the
            file itself is missed.

    Raises:
        InputError: a folder cannot be listed.
    """
    found: list[StoredFile] = []
    pending = [folder]
    while pending:
        try:
            listed = list(os.scandir(pending.pop()))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise InputError(f"{folder} cannot be looked at: {error.strerror}.", hint="Check rights.") from error
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
            elif (told := _told(Path(entry.path))) is not None:
                name = Path(entry.path).relative_to(folder).as_posix()
                mark = f"{told.st_ino}:{told.st_mtime_ns}:{told.st_ctime_ns}"
                readable = name.encode("utf-8", "backslashreplace").decode()
                if not links and entry.is_symlink():
                    readable += " (link)"
                found.append(StoredFile(path=readable, size=told.st_size, mark=mark))
    return tuple(sorted(found))


def _told(file: Path) -> os.stat_result | None:
    """Return what the system tells of a file, through a link where there is one; ``None`` when it has just gone."""
    for look in (file.stat, file.lstat):
        try:
            return look()
        except OSError:
            continue
    return None


def fingerprint(files: Iterable[StoredFile]) -> Digest:
    """Return a digest that changes with any name, size or mark, and with nothing else."""
    return digest_of(sorted(files))
