"""What the rows that a model was already taught looked like, as counts: no row of theirs can be read back."""

from dataclasses import dataclass

from gatekeeper.core.digests import Digest, digest_of, sha256_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RowHistory:
    """Counts over the accepted rows of earlier updates of one model."""

    rows: int
    """How many rows were counted."""
    sketch: bytes
    """The counts, as ``gatekeeper.gates.data.triggers.history`` writes and reads them."""

    @property
    def digest(self) -> Digest:
        """Identity of the history: of its counts and of how many rows they stand for."""
        return digest_of({"rows": self.rows, "sketch": sha256_bytes(self.sketch)})
