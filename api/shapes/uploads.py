"""Uploads, as the service sends them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.shapes.base import DIGEST, Out


class UploadOut(Out):
    """Something that waits for its proposal."""

    reference: str = Field(examples=[f"upload:{DIGEST}"])
    """What a proposal names."""
    digest: str = Field(examples=[DIGEST])
    kind: Literal["artifact", "rows"]
    format: Literal["zip", "tar", "tar.gz", "jsonl", "parquet"]
    size: int
    """In bytes, as it was sent."""
    unpacked: int
    """In bytes, as it lies there."""
    files: int
    uploaded: datetime
    expires: datetime
    """When it is removed, proposed or not: a proposal has a copy of its own."""


class UploadsOut(Out):
    """One's own uploads, newest first, and how much more there may be."""

    items: list[UploadOut]
    most_bytes: int
    """Of one upload."""
    most_uploads: int
    left: int
    """In bytes, over all of them."""


class UploadRemovedOut(Out):
    """An upload that is no more."""

    digest: str
