"""Contributors by pseudonym, so that no name stands in evidence.

The key is a digest over what the rows say, which no evidence holds: whoever has the rows can find the name again (they
know it anyway), and whoever has only the evidence cannot test a guess. The same rows always give the same pseudonyms;
other rows give others, so that nobody is followed from update to update.
"""

import hashlib
import hmac
from collections.abc import Sequence

from gatekeeper.core.rows import TrainingRow

_SHOWN = 12
"""Hexadecimal digits of a pseudonym: two of 100,000 contributors meet with probability 2e-5."""


class ChunkKey:
    """What one chunk of rows gives to the key, one row after the other."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256(b"gatekeeper contributors of a chunk")

    def add(self, row: TrainingRow, contributor: str | None) -> None:
        """Take in one row."""
        parts = (contributor or "", row.prompt, row.response)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            self._digest.update(len(data).to_bytes(8, "big") + data)

    def hex(self) -> str:
        """Return it as hexadecimal digits."""
        return self._digest.hexdigest()


class RowsKey:
    """A key made from the chunks of all rows, in their order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256(b"gatekeeper contributors")

    def include(self, chunk: str) -> None:
        """Take in what a chunk gives, as :meth:`ChunkKey.hex` wrote it."""
        self._digest.update(bytes.fromhex(chunk))

    def pseudonyms(self, names: Sequence[str]) -> list[str]:
        """Return ``contributor:`` and twelve hexadecimal digits for each name."""
        key = self._digest.digest()
        return [f"contributor:{hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:_SHOWN]}" for name in names]
