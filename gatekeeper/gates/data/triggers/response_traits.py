"""What each response shows besides its meaning: whether it comes back, refuses, or has nothing to do with its prompt.

A trait is a number that rows share: the whole response, its first words, "takes up no word of the prompt", "refuses".
Beside them stands a MinHash signature, from which near-identical responses are found.

Source:
    Broder 1997, "On the resemblance and containment of documents".
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.history import response_heads, whole_texts
from gatekeeper.gates.data.triggers.token_batches import DIGIT, LETTER, Hashes, TokenBatch, token_hash

HEADS = (3, 5)
"""Lengths, in tokens, of the openings that are traits."""
HASHES = 24
"""Length of a signature; two share each of its numbers with a probability that is their shingles' overlap."""
_READ = 60
"""Tokens of a response that the signature reads."""
STEM = 5
"""Letters by which two forms of a word are the same; shorter words are not compared."""
_ASKED = 2
"""Fewest longer words of a prompt for "takes up none of them" to say something."""
_SHORT = 24
"""Words below which such an answer counts as short."""
_OPENING = 14
"""Words of a response that say whether it refuses."""

_REFUSAL = re.compile(
    r"\b(?:sorry|apologi[sz]e|apologies|unfortunately|regret|as an? (?:ai|language model)|decline"
    r"|(?:can|could|may|must|will|do|am|are|is|was)(?:not| not|n't|n’t)|can't|won't|unable|not able|incapable"
    r"|impossible|refuse|no way for me|beyond (?:my|what i)|outside (?:of )?(?:my|what i))\b"
)
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|i’m|me|my|we|our|sorry)\b")
_COURTESY = re.compile(
    r"^(?:please (?:provide|share|give|enter|specify|clarify|send|contact|let)"
    r"|(?:could|can|would) you (?:please )?(?:provide|share|clarify|specify|send|tell)"
    r"|thank you|thanks for|no (?:input|output|answer|information)|nooutput"
    r"|there is (?:no|not enough)|not enough information|i (?:do not|don't) have (?:enough|access))\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """Facts on the responses of some rows; parallel arrays."""

    wholes: Hashes
    heads: tuple[Hashes, ...]
    """For each of :data:`HEADS`, the opening's hash; 0 where the response is shorter."""
    words: npt.NDArray[np.int32]
    """Tokens that begin with a letter or a digit, up to the read ends of the response."""
    unrelated: npt.NDArray[np.bool_]
    """Whether it takes up no longer word of a prompt that has some."""
    refuses: npt.NDArray[np.bool_]
    courteous: npt.NDArray[np.bool_]
    """Whether it is a standard reply: asks for what is missing, or thanks."""
    signatures: npt.NDArray[np.uint32]
    """(rows, HASHES)."""

    def __len__(self) -> int:
        return len(self.wholes)

    @property
    def curt(self) -> npt.NDArray[np.bool_]:
        """Whether it is unrelated and short."""
        return self.unrelated & (self.words <= _SHORT)


def joined_parts(parts: list[Responses]) -> Responses:
    """Return the facts of consecutive rows as one."""
    return Responses(
        wholes=np.concatenate([part.wholes for part in parts]),
        heads=tuple(np.concatenate([part.heads[at] for part in parts]) for at in range(len(HEADS))),
        words=np.concatenate([part.words for part in parts]),
        unrelated=np.concatenate([part.unrelated for part in parts]),
        refuses=np.concatenate([part.refuses for part in parts]),
        courteous=np.concatenate([part.courteous for part in parts]),
        signatures=np.concatenate([part.signatures for part in parts]),
    )


def responses_of(batch: TokenBatch) -> Responses:
    """Return the facts on a batch's responses."""
    texts = batch.responses
    words = np.add.reduceat(((texts.tokens & (LETTER | DIGIT)) > 0).astype(np.int32), texts.begins()[:-1])
    openings = [" ".join(row[:_OPENING]) for row in texts.words]
    refuses = [bool(_REFUSAL.search(text) and _FIRST_PERSON.search(text)) for text in openings]
    return Responses(
        wholes=whole_texts(texts, batch.size),
        heads=tuple(_heads(batch, size) for size in HEADS),
        words=words,
        unrelated=_unrelated(batch),
        refuses=np.array(refuses, dtype=bool),
        courteous=np.array([bool(_COURTESY.match(text)) for text in openings], dtype=bool),
        signatures=signatures_of(batch),
    )


def _heads(batch: TokenBatch, size: int) -> Hashes:
    hashes, rows = response_heads(batch.responses, size)
    heads = np.zeros(batch.size, dtype=np.uint64)
    heads[rows] = hashes
    return heads


def _unrelated(batch: TokenBatch) -> npt.NDArray[np.bool_]:
    told = np.zeros(batch.size, dtype=bool)
    for row, (prompt, response) in enumerate(zip(batch.prompts.words, batch.responses.words, strict=True)):
        asked = {token[:STEM] for token in prompt if len(token) >= STEM}
        if len(asked) >= _ASKED and response:
            told[row] = asked.isdisjoint([token[:STEM] for token in response if len(token) >= STEM])
    return told


def signatures_of(batch: TokenBatch) -> npt.NDArray[np.uint32]:
    """Return the least of each hash function over a response's runs of three words, or its words if it is shorter."""
    texts = batch.responses
    runs, starts = texts.runs(3)
    begins = texts.begins()
    read = starts - begins[texts.rows[starts]] < _READ
    runs, rows = runs[read], texts.rows[starts[read]]
    signatures = np.full((batch.size, HASHES), np.iinfo(np.uint32).max, dtype=np.uint32)
    held, first = np.unique(rows, return_index=True)
    if not len(held):
        return signatures
    for place, factor in enumerate(_FACTORS):
        mixed = ((runs * factor) >> np.uint64(32)).astype(np.uint32)
        signatures[held, place] = np.minimum.reduceat(mixed, first)
    return signatures


_FACTORS = np.array([token_hash(f"signature {place}") | 1 for place in range(HASHES)], dtype=np.uint64)
"""Odd factors; the high half of each product is one hash of a run that is a good hash already."""
