"""What one pass over the rows leaves behind: a few numbers for each row and tables of one size, no text.

About 110 bytes a row. Everything is a list in row order, a sum, a least or a greatest, so that the parts of a file can
be read apart and joined.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.core.rows import Provenance, TrainingRow
from gatekeeper.gates.data.origins.backing import Table, cells_of
from gatekeeper.gates.data.origins.label_flips import MOST_LABELS, LabelWords, fold_of
from gatekeeper.gates.data.origins.pseudonyms import RowsKey
from gatekeeper.gates.data.origins.word_hashes import BANDS, Hashes, bands, gram_hashes, shingles, word_hashes
from gatekeeper.gates.data.reading.decoding import tokens
from gatekeeper.intake.provenance import read_label, read_name, read_time

NOBODY = "\x00"
"""Rows that name nobody count as one contributor: nothing shows that they come from several."""
NONE_NAMED = "contributor:none-named"
"""What evidence calls them."""
_BATCH = 256
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


class Tally:
    """The first pass."""

    def __init__(self, *, min_words: int) -> None:
        self._min_words = min_words
        self._key = RowsKey()
        self._numbers: dict[str, int] = {}
        self._labels: dict[str, int] = {}
        self._waiting: list[Hashes] = []
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
        self.scale = False
        """Whether there are more labels than classes."""

    def add(self, row: TrainingRow, provenance: Provenance) -> None:
        """Take in one row."""
        self._key.add(row, provenance.contributor)
        place = len(self._person)
        if row.id != f"row-{place}" or row.index != place:
            self.ids[place] = (row.index, row.id)
        name = provenance.contributor or NOBODY
        person = self._numbers.setdefault(name, len(self._numbers))
        read = hashed(row)
        self._person.append(person)
        self._time.append(float("nan") if provenance.at is None else provenance.at.timestamp())
        self._words.append(len(read.response))
        self._text.append(int(gram_hashes(_digest(read), 2)[0]))
        self.table.add(cells_of(read.prompt_hashes, read.response_hashes), person)
        self._add_label(provenance.label, read, fold_of(name))
        if long := len(read.response) >= self._min_words:
            self._waiting.append(response_shingles(read))
            if len(self._waiting) >= _BATCH:
                self._flush()
        self._long.append(long)

    def _add_label(self, label: str | None, read: HashedRow, fold: int) -> None:
        number = -1 if label is None else self._labels.setdefault(label, len(self._labels))
        if number >= MOST_LABELS:
            self.scale = True
        self._label.append(number)
        if 0 <= number < MOST_LABELS:
            self.label_words.add(read.both, number, fold)

    def _flush(self) -> None:
        self._bands.append(bands(self._waiting))
        self._waiting = []

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
        self._flush()
        keys = np.concatenate(self._bands) if self._bands else np.empty((0, BANDS), dtype=np.uint64)
        return np.flatnonzero(np.frombuffer(self._long, dtype=np.int8)), keys


def _digest(read: HashedRow) -> Hashes:
    """Return two numbers, of the prompt and of the response, that depend on every word and its place."""
    return np.array([_one(read.prompt_hashes), _one(read.response_hashes)], dtype=np.uint64)


def _one(hashes: Hashes) -> int:
    places = np.arange(1, 2 * len(hashes) + 1, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (hashes + places) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(31)
    return int((mixed * np.uint64(0x94D049BB133111EB)).sum(dtype=np.uint64))
