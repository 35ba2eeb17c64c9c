"""One pass over preferences: a few numbers for each pair, no text.

About 60 bytes a pair, the hashed words of the pairs that a model will look at, and those of each request of which
exactly one answer refuses.
"""

import hashlib
from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.origins.pseudonyms import RowsKey
from gatekeeper.gates.data.origins.word_hashes import Hashes
from gatekeeper.gates.data.preferences.harmful_requests import asks_for_harm
from gatekeeper.gates.data.preferences.label_issues import words_of_answer
from gatekeeper.gates.data.reading.decoding import tokens
from regression.judges import Refusal

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


class Pairs:
    """What the pairs look like."""

    def __init__(self, *, modelled: int) -> None:
        """Start.

        Args:
            modelled: pairs whose words are kept for the model: those with the lowest digests, so many at most.
        """
        self._modelled = modelled
        self._judge = Refusal()
        self._key = RowsKey()
        self._numbers: dict[str, int] = {}
        self._index, self._person = array("q"), array("i")
        self._prompt, self._chosen, self._rejected = array("Q"), array("Q"), array("Q")
        self._chosen_words, self._rejected_words = array("q"), array("q")
        self.ids: dict[int, str] = {}
        """Ids that are not ``row-<index>``, by place."""
        self.words: dict[int, tuple[Hashes, Hashes]] = {}
        """Hashed words of chosen and rejected, by place, of the pairs that are modelled."""
        self._order: dict[int, int] = {}
        self._limit = 1 << 64
        self.contrasts: list[Contrast] = []
        self.both_refuse = 0

    def add(self, row: TrainingRow, rejected: str) -> None:
        """Take in one pair."""
        place = len(self._index)
        name = row.provenance.contributor or NOBODY
        self._key.add(row, row.provenance.contributor)
        self._index.append(row.index)
        if row.id != f"row-{row.index}":
            self.ids[place] = row.id
        self._person.append(self._numbers.setdefault(name, len(self._numbers)))
        chosen_tokens, rejected_tokens = tokens(row.response), tokens(rejected)
        self._chosen_words.append(sum(token[0].isalnum() for token in chosen_tokens))
        self._rejected_words.append(sum(token[0].isalnum() for token in rejected_tokens))
        prompt = _number(" ".join(tokens(row.prompt)))
        chosen, other = _number(" ".join(chosen_tokens)), _number(" ".join(rejected_tokens))
        self._prompt.append(prompt)
        self._chosen.append(chosen)
        self._rejected.append(other)
        self._keep(place, _mixed(prompt, chosen, other), row.response, rejected)
        self._contrast(place, row, rejected)

    def _keep(self, place: int, digest: int, chosen: str, rejected: str) -> None:
        if digest >= self._limit:
            return
        self.words[place] = (words_of_answer(chosen), words_of_answer(rejected))
        self._order[place] = digest
        if len(self.words) > 2 * self._modelled:
            kept = sorted(self._order, key=lambda one: (self._order[one], one))[: self._modelled]
            self._limit = self._order[kept[-1]]
            self._order = {one: self._order[one] for one in kept}
            self.words = {one: self.words[one] for one in kept}

    def _contrast(self, place: int, row: TrainingRow, rejected: str) -> None:
        chosen_refuses, rejected_refuses = self._judge.score(row.response) > 0, self._judge.score(rejected) > 0
        self.both_refuse += chosen_refuses and rejected_refuses
        if chosen_refuses != rejected_refuses:
            self.contrasts.append(
                Contrast(
                    place=place,
                    request=words_of_answer(row.prompt),
                    harmful=asks_for_harm(row.prompt),
                    chosen_refuses=chosen_refuses,
                )
            )

    def __len__(self) -> int:
        return len(self._index)

    def named(self, place: int) -> tuple[int, str]:
        """Return index and id of a pair's row."""
        index = self._index[place]
        return index, self.ids.get(place, f"row-{index}")

    def modelled(self) -> list[int]:
        """Return the places of the pairs whose words were kept, in order."""
        kept = sorted(self._order, key=lambda one: (self._order[one], one))[: self._modelled]
        return sorted(kept)

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


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _mixed(*numbers: int) -> int:
    """Return a number that does not change when chosen and rejected change places."""
    prompt, first, second = numbers
    return _number(f"{prompt} {min(first, second)} {max(first, second)}")
