"""What the rows that a model was already taught looked like, as counts: no row of theirs can be read back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RowHistory:
    """Counts over the accepted rows of earlier updates of one model."""

    rows: int
    """How many rows were counted."""
    sketch: bytes
    """The counts, as ``gatekeeper.gates.data.triggers.history`` writes and reads them."""
