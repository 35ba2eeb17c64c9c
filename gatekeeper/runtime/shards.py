"""Shards of the gate that computes, as files beside the run's evidence, told to the worker one by one.

The worker writes name and digest into the run's rows, in a transaction that asks whether it still holds the run.
Whoever goes on with the run gets those names and digests; a file that is not as it was written down counts as missing.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.shards import Shards
from gatekeeper.runtime.messages import KeptShard

_MOST_SAID = 100


class FolderShards(Shards):
    """The parts of one gate at a time."""

    def __init__(self, tell: Callable[[KeptShard], None]) -> None:
        self._tell = tell
        self._turn = threading.Lock()
        self._folder: Path | None = None
        self._kept: dict[str, str] = {}

    def turn_to(self, folder: Path | None, kept: Mapping[str, str]) -> None:
        """Keep the parts of another gate from now on.

        Args:
            folder: where they lie; ``None`` where nothing is to be kept.
            kept: digests by name of those that are there.
        """
        self._folder, self._kept = folder, dict(kept)

    def find(self, name: str) -> bytes | None:
        """Read the file, if it is what was kept."""
        known_as = _file_name(name)
        if self._folder is None or known_as not in self._kept:
            return None
        try:
            body = (self._folder / known_as).read_bytes()
        except OSError:
            return None
        return body if sha256_bytes(body) == self._kept[known_as] else None

    def keep(self, name: str, body: bytes, *, says: str = "") -> None:
        """Write the file, then tell the worker; a disk that is full keeps nothing, which costs time and no result."""
        if self._folder is None:
            return
        known_as = _file_name(name)
        draft = self._folder / f"{known_as}.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as stream:
                stream.write(body)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self._folder / known_as)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            return
        with self._turn:  # two lines must not stand in one another
            self._kept[known_as] = sha256_bytes(body)
            self._tell(KeptShard(name=known_as, digest=sha256_bytes(body), says=says[:_MOST_SAID]))


def _file_name(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
