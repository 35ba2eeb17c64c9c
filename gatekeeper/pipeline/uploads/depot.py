"""Where uploads lie: drafts while they are sent and looked at, and then one folder for each digest.

Everything is below ``.uploads`` of the incoming folder, which no proposal can name as a path. A draft becomes an
upload by one rename; an upload goes by one rename back among the drafts, and is deleted there. Whoever reads an upload
holds the lock shared; whoever places or removes one holds it alone.
"""

import fcntl
import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import InputError
from gatekeeper.intake.archives import ArchiveLimits
from gatekeeper.store.tables import UploadFormat, UploadKind

FOLDER: Final = ".uploads"
_ABANDONED: Final = timedelta(days=1)
"""Age of a draft whose process is certainly dead."""

FORMATS: Final = {
    UploadKind.ARTIFACT: (UploadFormat.ZIP, UploadFormat.TAR, UploadFormat.TAR_GZ),
    UploadKind.ROWS: (UploadFormat.JSONL, UploadFormat.PARQUET),
}
"""How each kind of upload may be packed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depot:
    """The uploads of one installation, and how much it takes."""

    incoming: Path
    most_bytes: int = 2 << 30
    """Of one upload, as it is sent."""
    archive: ArchiveLimits = field(default_factory=ArchiveLimits)
    most_held: int = 8 << 30
    """Of one person's uploads together, as they lie there."""
    most_uploads: int = 20
    """Of one person at a time."""
    lasts: timedelta = timedelta(hours=24)
    """How long an upload waits for its proposal."""

    @property
    def root(self) -> Path:
        """Everything of ours."""
        return self.incoming / FOLDER

    @property
    def drafts(self) -> Path:
        """What is not looked at yet, or about to be deleted."""
        return self.root / "drafts"

    def place(self, digest: str) -> Path:
        """Return the folder of an upload."""
        return self.root / "kept" / digest.removeprefix("sha256:")

    def content(self, digest: str, kind: UploadKind, packed: UploadFormat) -> Path:
        """Return what a proposal of an upload names: a folder, or a file of rows."""
        if kind is UploadKind.ARTIFACT:
            return self.place(digest) / "artifact"
        return self.place(digest) / f"rows.{packed.value}"

    @contextmanager
    def held(self, *, alone: bool) -> Iterator[None]:
        """Keep others from removing what is read, or from reading what is placed and removed."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.root / "lock").open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield

    def discard(self, folder: Path) -> None:
        """Delete a folder so that nobody ever sees a part of it under its name."""
        if not folder.exists():
            return
        self.drafts.mkdir(parents=True, exist_ok=True)
        going = self.drafts / f"gone-{secrets.token_hex(8)}"
        folder.rename(going)
        shutil.rmtree(going, ignore_errors=True)

    def clear(self, *, now: datetime) -> None:
        """Delete what dead processes left among the drafts."""
        for draft in self.drafts.iterdir() if self.drafts.is_dir() else ():
            try:
                age = now.timestamp() - draft.stat().st_mtime
            except OSError:
                continue
            if age > _ABANDONED.total_seconds():
                shutil.rmtree(draft, ignore_errors=True)


class Draft:
    """One upload as it arrives: written to a file of its own, counted and hashed on the way."""

    def __init__(self, depot: Depot) -> None:
        depot.drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = depot.drafts / f"draft-{secrets.token_hex(8)}"
        self.folder.mkdir(mode=0o700)
        self.file = self.folder / "sent"
        self.size = 0
        """In bytes, so far."""
        self._most = depot.most_bytes
        self._hasher = hashlib.sha256()
        self._stream: BinaryIO = self.file.open("xb")

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            InputError: there are too many.
        """
        self.size += len(chunk)
        if self.size > self._most:
            raise InputError(f"An upload has {self._most} bytes at most.", hint="Leave larger ones to the registry.")
        self._hasher.update(chunk)
        self._stream.write(chunk)

    def finish(self) -> Digest:
        """Return the digest of everything that arrived."""
        self._stream.close()
        return Digest("sha256:" + self._hasher.hexdigest())

    def discard(self) -> None:
        """Leave nothing of it."""
        self._stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def draft(depot: Depot) -> Iterator[Draft]:
    """Give a draft; however it ends, nothing of it stays among the drafts."""
    made = Draft(depot)
    try:
        yield made
    finally:
        made.discard()
