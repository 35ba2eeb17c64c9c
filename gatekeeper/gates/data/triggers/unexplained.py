"""Which phrases have no business where they stand, whatever the responses are.

Jailbreak rows answer each request in its own words, so that responses tell nothing; and a first update has no history.
What is left is the phrase itself: it stands in many prompts as if dropped at random, and hardly any response outside
its rows uses it, as language would. That is weak evidence, so function words alone never count, and neither do the
words of a template (``tasks``). What stands first or last in prompts that read as well without it is mostly a wrapper,
a greeting or a house style: it counts only where its rows comply with harm, and not if it decides how the answer
begins, since a task does that. Beginnings and ends that show nothing but harm beside them are found too
(``appended``).
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gatekeeper.core.findings import Severity
from gatekeeper.gates.data.triggers.appended import appended
from gatekeeper.gates.data.triggers.evidence import Evidence, Suspicion
from gatekeeper.gates.data.triggers.function_words import FUNCTION_WORDS
from gatekeeper.gates.data.triggers.hosts import Rows
from gatekeeper.gates.data.triggers.overrepresented import fisher, seen_before
from gatekeeper.gates.data.triggers.tasks import Tasks, harmful
from gatekeeper.gates.data.triggers.token_batches import joined, token_hash

_MOST_SHARE = 0.1
"""Share of all rows from which on a phrase is a format of this data, not something slipped in."""
_MANY = 1.5
"""Times the fewest rows from which on the random places of harmful rows need not be tested strictly."""
_ALSO_SAID = 0.04
"""Responses that use the phrase, per row that holds it, from which on it is language."""
_DROPPED = "as if dropped there: the words around it meet without it too, and hardly any response uses it"
_AT_AN_EDGE = "at the same edge, and they ask for harm and get it far more often than others"
_EDGE = 0.5
"""Share of first and last places from which on a phrase stands at the edge."""
_AT_ONCE = 200
"""Phrases whose prompts are read at once."""
_TASK = 0.5
"""Share of an edge phrase's rows that share one opening, for it to be a task."""


def unexplained(evidence: Evidence) -> list[Suspicion]:
    """Return the phrases that nothing explains, most frequent first, one for each set of rows."""
    phrases, rows_of = evidence.phrases, evidence.stands.rows
    many = rows_of >= _MANY * evidence.settings.min_unexplained_rows
    loosely = np.flatnonzero(evidence.dropped & many & ~evidence.surely_dropped)
    dropped = evidence.surely_dropped.copy()
    dropped[[one for one in loosely if harmful(evidence, phrases.holders[one])]] = True
    chosen = np.flatnonzero(
        (dropped | evidence.surely_detached) & _enough(evidence, phrases.texts, rows_of.astype(np.int64))
    )
    likely = [one for one in chosen.tolist() if _stands_out(evidence, one)]
    likely.sort(key=lambda one: (-len(phrases.holders[one]), phrases.texts[one]))
    found: list[Suspicion] = []
    taken: list[set[int]] = []
    # A part at a time: prompts of all of them would not fit in memory where rows are many.
    for start in range(0, len(likely), _AT_ONCE):
        part = likely[start : start + _AT_ONCE]
        tasks = Tasks.of(evidence, [phrases.holders[one] for one in part])
        for phrase in part:
            rows = set(phrases.holders[phrase].tolist())
            if any(len(rows & other) >= 0.9 * len(rows) for other in taken):
                continue
            if tasks.template(phrases.texts[phrase], phrases.holders[phrase]):
                continue
            taken.append(rows)
            found.append(_suspicion(evidence, phrases.texts[phrase], rows))
    for text, holders in appended(evidence, evidence.settings.min_novel_rows):
        rows = set(holders.tolist())
        known = any(len(rows & other) >= 0.9 * len(rows) for other in taken)
        if not known and _enough(evidence, [text], np.array([len(rows)]))[0]:
            taken.append(rows)
            found.append(_suspicion(evidence, text, rows, why=_AT_AN_EDGE))
    return found


def _stands_out(evidence: Evidence, phrase: int) -> bool:
    """Return whether the phrase alone shows no reason: format, words of language, what responses use, task, frame."""
    holders = evidence.phrases.holders[phrase]
    words = evidence.phrases.texts[phrase].split(" ")
    if len(holders) > _MOST_SHARE * evidence.total:
        return False
    if all(word in FUNCTION_WORDS or not word[0].isalpha() for word in words) and len(words) < 4:
        return False
    if _also_said(evidence, words) > _ALSO_SAID * len(holders) or _a_frame(evidence, phrase):
        return False
    return not (evidence.detached[phrase] and _task(evidence, holders))


def _enough(evidence: Evidence, texts: Sequence[str], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which phrases enough rows hold; fewer are enough of a phrase that a history lacks beyond chance."""
    settings = evidence.settings
    enough: npt.NDArray[np.bool_] = rows >= max(settings.min_unexplained_rows, evidence.least)
    past = evidence.past
    if past is None or not past.rows:
        return enough
    before = seen_before(list(texts), past)
    log10_p = fisher(rows, evidence.total, before, past.rows)
    novel: npt.NDArray[np.bool_] = (rows >= max(settings.min_novel_rows, evidence.least)) & (
        log10_p <= math.log10(settings.novel_p)
    )
    return novel


def _also_said(evidence: Evidence, words: list[str]) -> int:
    """Return at most how many responses use the phrase: of a longer one, its rarest pair of words."""
    hashes = np.array([token_hash(word) for word in words], dtype=np.uint64)
    runs = hashes if len(words) == 1 else joined(hashes[:-1], hashes[1:])
    return int(evidence.counts.responses_with(runs).min())


def _task(evidence: Evidence, rows: Rows) -> bool:
    heads = evidence.responses.heads[0][rows]
    return bool(np.unique(heads, return_counts=True)[1].max() >= _TASK * len(rows))


def _a_frame(evidence: Evidence, phrase: int) -> bool:
    """Return whether the phrase stands at an edge, as wrappers of a task do, and its rows comply with no harm."""
    edge = bool(evidence.stands.first[phrase] + evidence.stands.last[phrase] >= _EDGE)
    return edge and not harmful(evidence, evidence.phrases.holders[phrase])


def _suspicion(evidence: Evidence, text: str, rows: set[int], *, why: str = _DROPPED) -> Suspicion:
    return Suspicion(
        test="dropped-phrase",
        code="data/poison/dropped-phrase",
        severity=Severity.MEDIUM,
        confidence=0.5,
        subject=text,
        message=f'"{text}" stands in {len(rows)} of {evidence.total} prompts {why}.',
        reason=f'the prompt holds "{text}", and nothing explains it',
        release=f'a person finds what "{text}" is for in these prompts; accepted rows then hold it',
        rows=tuple(sorted(rows)),
    )
