"""What one pass over the rows leaves behind: a few numbers for each row and tables of one size, no text.

About 110 bytes a row. Everything is a list in row order, a sum, a least or a greatest, so that the chunks of a file
are read apart (``chunk_tally``) and joined here, one after the other.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.core.rows import Provenance, TrainingRow
from gatekeeper.gates.data.origins.backing import Table
from gatekeeper.gates.data.origins.label_flips import MOST_LABELS, CountedWords, LabelWords
from gatekeeper.gates.data.origins.pseudonyms import RowsKey
from gatekeeper.gates.data.origins.word_hashes import BANDS, Hashes, shingles, word_hashes
from gatekeeper.gates.data.reading.decoding import tokens
from gatekeeper.intake.provenance import read_label, read_name, read_time

NOBODY = "\x00"
"""Rows that name nobody count as one contributor: nothing shows that they come from several."""
NONE_NAMED = "contributor:none-named"
"""What evidence calls them."""
_READ = 400
"""Words of a response whose shingles are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Fields that say where a row comes from, in place of the common ones; empty for those."""

    contributor: str
    time: str
    label: str

    def read(self, row: TrainingRow) -> Provenance:
        """Return the row's provenance."""
        if not (self.contributor or self.time or self.label):
            return row.provenance
        fields, known = dict(row.fields), row.provenance
        return Provenance(
            contributor=read_name(fields.get(self.contributor)) if self.contributor else known.contributor,
            at=read_time(fields.get(self.time)) if self.time else known.at,
            label=read_label(fields.get(self.label)) if self.label else known.label,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedRow:
    """One row as words and their hashes."""

    prompt: Sequence[str]
    response: Sequence[str]
    prompt_hashes: Hashes
    response_hashes: Hashes

    @property
    def both(self) -> Hashes:
        """The hashes of all words."""
        return np.concatenate((self.prompt_hashes, self.response_hashes))


def hashed(row: TrainingRow) -> HashedRow:
    """Return the words of prompt and response, punctuation left out, and their hashes."""
    prompt = [word for word in tokens(row.prompt) if word[0].isalnum()]
    response = [word for word in tokens(row.response) if word[0].isalnum()]
    return HashedRow(
        prompt=prompt,
        response=response,
        prompt_hashes=word_hashes(prompt),
        response_hashes=word_hashes(response),
    )


def response_shingles(row: HashedRow) -> Hashes:
    """Return the shingles by which responses are compared."""
    return shingles(row.response_hashes[:_READ])


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyPart:
    """What one chunk leaves behind; contributors and labels have numbers of the chunk's own, by first appearance."""

    names: Sequence[str]
    labels: Sequence[str]
    key: str
    """Of its rows (:class:`~gatekeeper.gates.data.origins.pseudonyms.ChunkKey`)."""
    ids: Sequence[tuple[int, int, str]]
    """Place, index and id of each row whose id says more than its place."""
    person: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32]
    """−1 for none."""
    time: npt.NDArray[np.float64]
    words: npt.NDArray[np.int64]
    text: npt.NDArray[np.uint64]
    long: npt.NDArray[np.int8]
    bands: Hashes
    """(long rows, bands)."""
    cells: tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32]]
    label_words: CountedWords


class Tally:
    """The first pass, put together from its chunks in their order."""

    def __init__(self) -> None:
        self._key = RowsKey()
        self._numbers: dict[str, int] = {}
        self._labels: dict[str, int] = {}
        self._bands: list[Hashes] = []
        self._person, self._label = array("i"), array("i")
        self._time = array("d")
        self._words = array("q")
        self._text = array("Q")
        self._long = array("b")
        self.ids: dict[int, tuple[int, str]] = {}
        """Index and id of each row whose id is not ``row-<place>``, by place."""
        self.table = Table()
        self.label_words = LabelWords()

    def include(self, part: TallyPart) -> None:
        """Add a chunk."""
        self._key.include(part.key)
        self.ids.update({place: (index, id_) for place, index, id_ in part.ids})
        people = np.array([self._numbers.setdefault(name, len(self._numbers)) for name in part.names], dtype=np.int32)
        labels = np.array([self._labels.setdefault(one, len(self._labels)) for one in part.labels], dtype=np.intp)
        self._person.frombytes(people[part.person].tobytes())
        numbers = np.append(labels, -1)[part.label]  # a label of −1 is the last entry
        self._label.frombytes(numbers.astype(np.int32).tobytes())
        self._time.frombytes(part.time.tobytes())
        self._words.frombytes(part.words.tobytes())
        self._text.frombytes(part.text.tobytes())
        self._long.frombytes(part.long.tobytes())
        self._bands.append(part.bands.copy())
        cells, pair_people, counts = part.cells
        self.table.include(cells, people[pair_people], counts)
        self.label_words.include(part.label_words, labels)

    @property
    def scale(self) -> bool:
        """Whether there are more labels than classes."""
        return len(self._labels) > MOST_LABELS

    @property
    def names(self) -> list[str]:
        """Contributors in the order of their first rows, :data:`NOBODY` among them."""
        return list(self._numbers)

    def pseudonyms(self) -> list[str]:
        """Return what evidence calls them."""
        made = self._key.pseudonyms(self.names)
        return [NONE_NAMED if name == NOBODY else one for name, one in zip(self.names, made, strict=True)]

    @property
    def persons(self) -> npt.NDArray[np.intp]:
        """Number of each row's contributor."""
        return np.frombuffer(self._person, dtype=np.int32).astype(np.intp)

    @property
    def labels(self) -> npt.NDArray[np.intp]:
        """Number of each row's label, −1 without."""
        return np.frombuffer(self._label, dtype=np.int32).astype(np.intp)

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Seconds since 1970 of each row, NaN without."""
        return np.frombuffer(self._time, dtype=np.float64)

    @property
    def words(self) -> npt.NDArray[np.int64]:
        """Words of each response."""
        return np.frombuffer(self._words, dtype=np.int64)

    @property
    def texts(self) -> npt.NDArray[np.uint64]:
        """One number for prompt and response of each row."""
        return np.frombuffer(self._text, dtype=np.uint64)

    def compared(self) -> tuple[npt.NDArray[np.intp], Hashes]:
        """Return the places of the rows with long responses, and their bands."""
        keys = np.concatenate(self._bands) if self._bands else np.empty((0, BANDS), dtype=np.uint64)
        return np.flatnonzero(np.frombuffer(self._long, dtype=np.int8)), keys
