"""Words that rows hold: what people decided, and where things stand."""

from enum import StrEnum


class Decision(StrEnum):
    """What a person decided about an update."""

    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request-changes"
    """Not like this: its proposer answers with another update."""


class PromotionState(StrEnum):
    """Where one attempt to move an alias stands."""

    PROMOTING = "PROMOTING"
    """Intended; the alias may or may not have moved yet."""
    OBSERVED = "OBSERVED"
    """The alias was read back and points to the version."""
    FAILED = "FAILED"
    """Given up; the alias was read back and does not point to the version."""


class PromotionKind(StrEnum):
    """Why an alias is moved."""

    PROMOTE = "promote"
    """An admitted and approved update becomes champion."""
    CERTIFY = "certify"
    """A first champion or a first anchor is set under absolute limits."""
    ROLLBACK = "rollback"
    """The champion goes back to the version admitted before it."""
    ANCHOR = "anchor"
    """The anchor moves to an admitted version."""
    BREAK_GLASS = "break-glass"
    """Two administrators put a blocked update live for a limited time."""
    REVIEW = "review"
    """A break-glass promotion was reviewed and stays."""


class RequestState(StrEnum):
    """Where a request for something other than an ordinary promotion stands."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    DONE = "DONE"
    """What was asked for has happened."""
    EXPIRED = "EXPIRED"


class DriftKind(StrEnum):
    """How registry, database and files can come apart."""

    ALIAS_MOVED = "alias-moved"
    ALIAS_MISSING = "alias-missing"
    VERSION_DELETED = "version-deleted"
    FILES_CHANGED = "files-changed"
    """Size, time or name of a stored file."""
    BYTES_CHANGED = "bytes-changed"
    """The stored bytes themselves, hashed again."""


class QueueState(StrEnum):
    """Where a queued evaluation stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    """A worker has it, or had it when it died."""
    DONE = "DONE"
    """There is a verdict."""
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class UploadKind(StrEnum):
    """What an upload is meant as."""

    ARTIFACT = "artifact"
    """An adapter or full weights."""
    ROWS = "rows"
    """The rows it was trained on."""


class UploadFormat(StrEnum):
    """How an upload is packed."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZ = "tar.gz"
    JSONL = "jsonl"
    PARQUET = "parquet"


class ReminderKind(StrEnum):
    """Why people are reminded."""

    WAITING = "waiting"
    """Nobody has decided for a long time."""
    EXPIRING = "expiring"
    """The time to decide, or to carry it out, is nearly over."""
