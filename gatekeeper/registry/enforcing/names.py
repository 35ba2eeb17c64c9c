"""Which names are protected, and which merely look like one that is.

Two spellings that a person, or a database's collation, may take for the same alias count as the same: case,
compatibility forms, white space and invisible characters make no difference. Only the exact spelling can be moved.
"""

import unicodedata
from collections.abc import Iterable
from typing import Final

OURS: Final = "gatekeeper."
"""Beginning of every tag that belongs to the gate."""

ACCEPTED_TAG: Final = "gatekeeper.accepted."
"""Beginning of a model's tag, before the alias: ``version:intent`` of the last accepted passport."""


def folded(name: str) -> str:
    """Return what is left of a name when its spelling makes no difference."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(char for char in text if unicodedata.category(char)[0] not in "CZ" and char != "\u034f")


class Protected:
    """The protected aliases of a trust file."""

    def __init__(self, aliases: Iterable[str]) -> None:
        self._aliases = frozenset(aliases)
        self._folded = frozenset(map(folded, self._aliases))

    def exactly(self, alias: str) -> bool:
        """Return whether it is a protected alias, letter for letter."""
        return alias in self._aliases

    def looks_like(self, alias: str) -> bool:
        """Return whether it is a protected alias or a spelling of one."""
        return folded(alias) in self._folded
