"""Rows that a scan held back, as the service sends them."""

from typing import Any

from api.shapes.base import Out


class ScanOut(Out):
    """One folder that a scan wrote."""

    scan: str
    """Its name, as paths take it."""
    file_digest: str | None
    policy_digest: str | None
    accepted: int
    quarantined: int


class ScansOut(Out):
    """Every scan whose rows can be released here, by name."""

    items: list[ScanOut]


class FlagOut(Out):
    """One reason why one row waits."""

    gate: str
    test: str
    id: str | None
    """The row's own id; ``None`` for who may not see flagged rows, as is the next one."""
    reason: str | None
    release: str
    """What would release it."""


class WaitingRowOut(Out):
    """One row that waits."""

    number: int
    """Its place among the rows that wait, from 1."""
    row: int | None
    """Position in the file, from 0; ``None`` for who may not see flagged rows, as is the record."""
    flags: list[FlagOut]
    record: str | None
    """As it was read; ``None`` also where it lies too far back to be shown here."""


class FlaggedRowsOut(Out):
    """A page of an update's rows that gates flagged, in the order of the file."""

    run: str
    items: list[WaitingRowOut]
    next: str | None


class WaitingRowsOut(Out):
    """A page of rows that wait, in the order of the file."""

    scan: str
    items: list[WaitingRowOut]
    next: str | None


class ReleaseToSignOut(Out):
    """One release to sign, as RFC 8785 JSON in an envelope of ``payload_type``."""

    row: int
    document: dict[str, Any]
    salt: str
    """64 hexadecimal digits: ``reason_digest`` is SHA-256 over its bytes and the reason."""


class ToReleaseOut(Out):
    """What has to be signed, one document for each row and gate."""

    payload_type: str
    releases: list[ReleaseToSignOut]


class ReleasedOut(Out):
    """One row that a person released from one gate."""

    row: int
    gate: str
    tests: list[str]
    release: str


class ReleasesOut(Out):
    """What was released, and may be learned from now."""

    items: list[ReleasedOut]
