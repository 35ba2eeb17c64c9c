"""One pass over preferences: a few numbers for each pair, no text.

About 80 bytes a pair, the hashed words of the pairs that a model will look at (from a second pass, which knows which
these are), and those of each request of which exactly one answer refuses.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.origins.pseudonyms import RowsKey
from gatekeeper.gates.data.origins.word_hashes import Hashes

NOBODY = "\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A pair of which exactly one answer refuses."""

    place: int
    """Among the pairs, from 0."""
    request: Hashes
    harmful: bool
    """Whether the request asks for harm in so many words."""
    chosen_refuses: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsPart:
    """What the pairs of one chunk of rows look like; parallel arrays, one entry a pair."""

    names: Sequence[str]
    """Contributors in the order of their first pairs."""
    key: str
    """Of its pairs (:class:`~gatekeeper.gates.data.origins.pseudonyms.ChunkKey`)."""
    ids: Sequence[tuple[int, str]]
    """Ids that are not ``row-<index>``, by place among the chunk's pairs."""
    both_refuse: int
    contrasts: Sequence[Contrast]
    """By place among the chunk's pairs."""
    row: npt.NDArray[np.int64]
    """Place of the pair's row among all rows."""
    index: npt.NDArray[np.int64]
    person: npt.NDArray[np.int32]
    """Number among :attr:`names`."""
    prompt: npt.NDArray[np.uint64]
    chosen: npt.NDArray[np.uint64]
    rejected: npt.NDArray[np.uint64]
    chosen_words: npt.NDArray[np.int64]
    rejected_words: npt.NDArray[np.int64]
    order: npt.NDArray[np.uint64]
    """A digest that does not change when the answers change places."""


class Pairs:
    """What the pairs look like, put together from chunks in their order."""

    def __init__(self, *, modelled: int) -> None:
        """Start.

        Args:
            modelled: pairs that a model will look at: those with the lowest digests, so many at most.
        """
        self._modelled = modelled
        self._key = RowsKey()
        self._numbers: dict[str, int] = {}
        self._row, self._index, self._person = array("q"), array("q"), array("i")
        self._prompt, self._chosen, self._rejected = array("Q"), array("Q"), array("Q")
        self._chosen_words, self._rejected_words = array("q"), array("q")
        self._order = array("Q")
        self.ids: dict[int, str] = {}
        """Ids that are not ``row-<index>``, by place."""
        self.words: dict[int, tuple[Hashes, Hashes]] = {}
        """Hashed words of chosen and rejected, by place, of the pairs that are modelled."""
        self.contrasts: list[Contrast] = []
        self.both_refuse = 0

    def include(self, part: PairsPart) -> None:
        """Add a chunk."""
        before = len(self)
        self._key.include(part.key)
        people = np.array([self._numbers.setdefault(name, len(self._numbers)) for name in part.names], dtype=np.int32)
        self.ids.update({before + place: id_ for place, id_ in part.ids})
        self.contrasts += [replace(one, place=before + one.place) for one in part.contrasts]
        self.both_refuse += part.both_refuse
        for column, values in (
            (self._row, part.row),
            (self._index, part.index),
            (self._person, people[part.person]),
            (self._prompt, part.prompt),
            (self._chosen, part.chosen),
            (self._rejected, part.rejected),
            (self._chosen_words, part.chosen_words),
            (self._rejected_words, part.rejected_words),
            (self._order, part.order),
        ):
            column.frombytes(values.tobytes())

    def modelled(self) -> list[int]:
        """Return the places of the pairs that a model looks at, in order."""
        order = np.argsort(np.frombuffer(self._order, dtype=np.uint64), kind="stable")
        return sorted(order[: self._modelled].tolist())

    def rows_of(self, places: Sequence[int]) -> list[int]:
        """Return the places, among all rows, of pairs' rows."""
        return [self._row[place] for place in places]

    def __len__(self) -> int:
        return len(self._index)

    def named(self, place: int) -> tuple[int, str]:
        """Return index and id of a pair's row."""
        index = self._index[place]
        return index, self.ids.get(place, f"row-{index}")

    @property
    def people(self) -> npt.NDArray[np.intp]:
        """Number of each pair's contributor."""
        return np.frombuffer(self._person, dtype=np.int32).astype(np.intp)

    def pseudonyms(self) -> list[str]:
        """What evidence calls contributors, by number; empty for rows that name nobody."""
        names = list(self._numbers)
        made = self._key.pseudonyms(names)
        return ["" if name == NOBODY else one for name, one in zip(names, made, strict=True)]

    @property
    def lengths(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Words of the chosen and of the rejected answers."""
        return (
            np.frombuffer(self._chosen_words, dtype=np.int64),
            np.frombuffer(self._rejected_words, dtype=np.int64),
        )

    def chosen_first(self, place: int) -> bool:
        """Return whether the chosen answer's digest is the lower: a coin that turns when the answers change places."""
        return self._chosen[place] < self._rejected[place]

    @property
    def prompts(self) -> npt.NDArray[np.uint64]:
        """One number a prompt."""
        return np.frombuffer(self._prompt, dtype=np.uint64)

    def identical(self) -> list[int]:
        """Return the pairs whose two answers are the same, case and white space apart."""
        return [place for place in range(len(self)) if self._chosen[place] == self._rejected[place]]

    def contradictory(self) -> list[int]:
        """Return the pairs that another pair of the same prompt has the other way round."""
        said = set(zip(self._prompt, self._chosen, self._rejected, strict=True))
        return [
            place
            for place, (prompt, chosen, other) in enumerate(
                zip(self._prompt, self._chosen, self._rejected, strict=True)
            )
            if chosen != other and (prompt, other, chosen) in said
        ]
