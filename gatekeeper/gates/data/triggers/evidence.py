"""What every test for hidden triggers reads, gathered in three passes over the rows in bounded memory.

1. Count every run of words (``prompt_phrases.RunCounts``), and note what each response shows (``response_traits``).
2. Find the phrases that come back, and add up how they stand in their prompts (``insertion``).
3. For phrases that stand as if dropped there, or that their prompts read as well without, note rows and surroundings
   (``phrase_rows``).

Each pass is a map over batches whose results add up (``passes``).
"""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatekeeper.core.findings import Severity
from gatekeeper.gates.data.triggers.history import Past
from gatekeeper.gates.data.triggers.hosts import Prompts
from gatekeeper.gates.data.triggers.insertion import Insertions, added, detached, dropped, maybe_dropped
from gatekeeper.gates.data.triggers.near_identical import near_identical
from gatekeeper.gates.data.triggers.passes import Passes, passes
from gatekeeper.gates.data.triggers.phrase_rows import PhraseRows, Wanted, common_words, phrase_rows
from gatekeeper.gates.data.triggers.prompt_phrases import RunCounts
from gatekeeper.gates.data.triggers.response_traits import Responses, joined_parts
from gatekeeper.gates.data.triggers.token_batches import TokenBatches

if TYPE_CHECKING:
    from gatekeeper.gates.data.triggers.spread_passes import Spread

_MERGED = 16
"""Batches whose sums are added before more are held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much evidence a test needs."""

    fdr: float
    """Expected share of chance findings among those of one test."""
    min_rows: int
    """Fewest rows that must hold a phrase."""
    min_share: float
    """Least share of all rows that must hold it: what bounds the memory for very many rows."""
    min_lift: float
    """Least P(trait | phrase) / P(trait)."""
    min_coverage: float
    """Least share of a phrase's rows that show the trait."""
    min_unexplained_rows: int
    """Fewest rows for a dropped phrase to be reported without any other evidence."""
    min_novel_rows: int
    """The same where a history never held the phrase."""
    novel_p: float
    """Greatest p-value, for this one phrase, that the history lacks it by chance."""
    min_repeats: int
    """Fewest near-identical responses that count as repeated."""
    min_repeat_words: int
    """Fewest words of such a response."""
    max_overlap: float
    """Greatest mean word overlap of prompts that are unlike each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Rows that one test finds suspicious together, and why."""

    test: str
    """The test's name, as in ``flagged.jsonl``."""
    code: str
    severity: Severity
    confidence: float
    subject: str
    """The phrase or response that they share, as folded text."""
    message: str
    """The evidence in words, with its numbers."""
    reason: str
    """The same in one clause, for each row."""
    release: str
    """What a reviewer would need to see to release the rows."""
    rows: tuple[int, ...]
    """Positions among the rows read, ascending."""
    log10_q: float = 0.0
    """Base-10 logarithm of the adjusted p-value; 0 where the test has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the tests look at."""

    total: int
    """How many rows were read."""
    least: int
    """Fewest rows that a phrase had to be in to be seen."""
    seen: int
    """How many different phrases were seen."""
    batches: TokenBatches
    counts: RunCounts
    past: Past | None
    responses: Responses
    stands: Insertions
    """How the chosen phrases stand; parallel to :attr:`phrases`."""
    phrases: PhraseRows
    dropped: npt.NDArray[np.bool_]
    """(phrases,): whether it stands as if dropped at random places."""
    surely_dropped: npt.NDArray[np.bool_]
    """(phrases,): the same, judged strictly."""
    detached: npt.NDArray[np.bool_]
    """(phrases,): whether it stands at an edge of prompts that read as well without it."""
    surely_detached: npt.NDArray[np.bool_]
    """(phrases,): the same, judged strictly."""
    settings: Settings
    prompts: Prompts
    """The prompts, to be compared with each other."""
    harmful: npt.NDArray[np.bool_]
    """(rows,): whether it complies with a harmful request."""
    clusters: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """(rows,): the group of near-identical responses each row belongs to, -1 for none."""


def gather(
    batches: TokenBatches,
    past: Past | None,
    settings: Settings,
    *,
    harmful: Sequence[int] = (),
    processes: int = 1,
    spread: "Spread | None" = None,
) -> Evidence | None:
    """Read the rows once and their tokens three times; ``None`` when there are none.

    Args:
        batches: the rows.
        past: counts of accepted rows.
        settings: how much evidence each test needs.
        harmful: positions of the rows that comply with harm.
        processes: how many share the work where the rows repay it; 0 for one a core. The result does not depend on it.
        spread: who works, where the run says it. Neither does it depend on that.
    """
    with passes(batches, past, processes) if spread is None else nullcontext(_spread(batches, past, spread)) as over:
        responses = list(over.first())
        counts = over.counts
        if not counts.rows:
            return None
        least = max(settings.min_rows, math.ceil(settings.min_share * counts.rows))
        sums: list[Insertions] = []
        for found in over.second(least):
            sums.append(found)
            if len(sums) > _MERGED:
                sums = [added(sums)]
        stands = added(sums)
        stands = stands.where(stands.rows >= least)
        seen = len(stands.keys)
        stands = stands.where(maybe_dropped(stands) | detached(stands))
        wanted = Wanted(chosen=stands.keys, common=common_words(next(iter(batches))), least=least)
        phrases = phrase_rows(over.third(wanted), wanted)
    facts = joined_parts(responses)
    complying = np.zeros(counts.rows, dtype=bool)
    complying[list(harmful)] = True
    return Evidence(
        total=counts.rows,
        least=least,
        seen=seen,
        batches=batches,
        counts=counts,
        past=past,
        responses=facts,
        stands=stands,
        phrases=phrases,
        dropped=dropped(stands, phrases.surprise),
        surely_dropped=dropped(stands, phrases.surprise, strictly=True),
        detached=detached(stands),
        surely_detached=detached(stands, strictly=True),
        settings=settings,
        prompts=Prompts(batches, counts.rows),
        harmful=complying,
        clusters=near_identical(facts, least=least),
    )


def _spread(batches: TokenBatches, past: Past | None, spread: "Spread") -> Passes:
    from gatekeeper.gates.data.triggers.spread_passes import SpreadPasses

    return SpreadPasses(batches, past, spread)
