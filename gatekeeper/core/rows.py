"""A training row in the one shape every data gate reads, with its text kept exactly as it was read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class RowShape(StrEnum):
    """The common shapes of training rows."""

    INSTRUCTION = "instruction"
    """``instruction``, optional ``input``, ``output``."""
    COMPLETION = "completion"
    """``prompt``, ``completion``."""
    CHAT = "chat"
    """``messages``: a list of ``{role, content}``."""
    PREFERENCE = "preference"
    """``prompt`` (optional), ``chosen``, ``rejected``: strings or lists of messages."""
    TEXT = "text"
    """``text``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation."""

    role: str
    """``system``, ``user``, ``assistant``, ``tool`` or as read."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who gave a row, when, and what they said of it; each ``None`` where the row does not say it readably."""

    contributor: str | None = None
    """Who, as read, outer white space removed; a person's name perhaps: it stays out of evidence."""
    at: datetime | None = None
    """When, in UTC."""
    label: str | None = None
    """What they judged the row to be, as text: ``1``, ``good``, ``true``."""


NO_PROVENANCE = Provenance()
"""What most rows carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """One row, as read and as understood."""

    index: int
    """Position in the file, from 0."""
    id: str
    """The row's own ``id`` when it has one, else ``row-<index>``."""
    shape: RowShape
    fields: tuple[tuple[str, str], ...]
    """Text fields as read, e.g. ``("instruction", "...")`` or ``("messages[1].content", "...")``; offsets in
    findings are character offsets into these."""
    prompt: str
    """What the model is given: user and system text, joined by newlines; empty for plain text."""
    response: str
    """What the model is taught to say: the last assistant text, the chosen answer, or the plain text."""
    rejected: str | None = None
    """For preferences, the answer it is taught to avoid."""
    turns: tuple[Turn, ...] = ()
    """The whole conversation in order; prompt and response as two turns when the row is no chat."""
    provenance: Provenance = NO_PROVENANCE
    """Where the row comes from, as far as its columns say."""


class RowSource(Protocol):
    """Rows that can be read again from the start, one at a time."""

    def __iter__(self) -> Iterator[TrainingRow]:
        """Yield rows in file order.

        Raises:
            InputError: a row cannot be read; the message names the file and the line or row number.
        """
        ...
