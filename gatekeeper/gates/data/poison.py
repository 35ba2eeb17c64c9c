"""Whether some rows teach a hidden trigger: a phrase that has nothing to do with the answer and yet decides it.

1. Every text is decoded first (``reading.decoding``), so that a trigger cannot hide in look-alike
   letters or invisible characters.
2. Prompt phrases are tested against responses (``triggers.associations``).
3. Responses that come back under unlike prompts are collected (``triggers.repeats``); standard
   refusals are counted but not flagged, since safety rows repeat them rightly.

Plain text has no prompt: its first half is read as one. Each flagged row is a line of ``flagged.jsonl``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatekeeper.core.findings import Finding, GateReport, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.decoding import hides_characters, tokens
from gatekeeper.gates.data.reading.flags import FLAGGED, RowFlag, write_flags
from gatekeeper.gates.data.reading.spans import whole
from gatekeeper.gates.data.triggers.phrase_places import TokenRow, windowed

if TYPE_CHECKING:
    from gatekeeper.gates.data.triggers.associations import Association, Settings
    from gatekeeper.gates.data.triggers.repeats import Repeat

_SENTENCE = 3
"""Fewest words that are more than a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How much evidence makes an association; measured on ordinary instruction rows, where these find none."""

    fdr: float = 0.001
    """False discovery rate over all tested pairs: one in a thousand reported pairs may be chance."""
    min_rows: int = 6
    """Fewest rows a phrase must share with a response: below six, ordinary topics look like triggers."""
    min_lift: float = 3.0
    """Least factor by which the phrase raises the response's share; poison at a quarter of all rows still has four."""
    min_coverage: float = 0.75
    """Least share of a phrase's rows that repeated openings explain: a trigger word may also occur honestly."""
    min_word_coverage: float = 0.95
    """The same for single words, which ordinary topics share at up to 0.9."""
    min_detachable: float = 0.3
    """Least share of places from which the phrase could be cut unseen; inserted triggers show 0.36 to 1."""
    min_repeats: int = 10
    """Fewest equal responses that count as repeated."""
    min_repeat_words: int = 5
    """Shortest response that counts: labels such as "No, it is not" come back rightly. In most rows at once, three
    words do."""
    max_overlap: float = 0.35
    """Greatest mean word overlap of prompts that are still unlike each other; a template with many names has more."""
    tested_rows: int = 20
    """Fewest rows that can be tested at all; fewer leave the question unmeasured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flag:
    place: int
    test: str
    reason: str


@gate("data/poison", asks="Do some rows teach a hidden trigger?", params=Params, version=2)
def data_poison(context: GateContext, params: Params) -> GateReport:
    """Report phrases that foretell responses they have nothing to do with, and the rows that teach them."""
    if context.rows is None:
        return data_poison.unmeasured("No training rows were given.")
    from gatekeeper.gates.data.triggers.associations import find_associations
    from gatekeeper.gates.data.triggers.repeats import find_repeats

    context.progress.start("poison", None)
    ids: list[tuple[int, str]] = []
    rows: list[TokenRow] = []
    hidden: list[int] = []
    for row in context.rows:
        if hides_characters(row.prompt) or hides_characters(row.response):
            hidden.append(len(rows))
        ids.append((row.index, row.id))
        rows.append(_token_row(row))
        context.progress.advance()
    if len(rows) < params.tested_rows:
        return data_poison.unmeasured(
            f"{len(rows)} rows are too few to tell a trigger from chance; {params.tested_rows} are needed."
        )
    associations = find_associations(rows, _settings(params))
    repeats = find_repeats(rows, min_rows=params.min_repeats, min_words=_SENTENCE)
    suspicious = [repeat for repeat in repeats if _suspicious(repeat, len(rows), params)]
    flags = _flags(associations, suspicious, hidden)
    places = ((flag, *ids[flag.place]) for flag in flags)
    write_flags(context.workdir, (RowFlag(row=n, id=id_, test=one.test, reason=one.reason) for one, n, id_ in places))
    total = len(rows)
    flagged = {flag.place for flag in flags}
    return data_poison.measured(
        metrics=(
            count("rows", total, n=total),
            count("flagged_rows", len(flagged), n=total),
            share("flagged_share", len(flagged), n=total),
            count("associations", len(associations), n=total, unit="phrases"),
            count("association_rows", len({place for one in associations for place in one.rows}), n=total),
            count("strongest_log10_q", min((one.log10_q for one in associations), default=0.0), n=total, unit="log10"),
            count("repeated_responses", len(suspicious), n=total, unit="responses"),
            count("repeated_rows", len({place for one in suspicious for place in one.rows}), n=total),
            share("largest_repeated_share", max((len(one.rows) for one in repeats), default=0), n=total),
            count("repeated_refusal_rows", sum(len(one.rows) for one in repeats if one.refusal), n=total),
            count("hidden_character_rows", len(hidden), n=total),
        ),
        findings=(
            *(_association_finding(one, total) for one in associations),
            *(_repeat_finding(one) for one in suspicious),
            *_hidden_findings([ids[place] for place in hidden]),
        ),
        attachments=(context.attach(FLAGGED),),
    )


def _suspicious(repeat: "Repeat", total: int, params: Params) -> bool:
    long_enough = repeat.words >= params.min_repeat_words or 2 * len(repeat.rows) > total
    return long_enough and not repeat.refusal and repeat.overlap <= params.max_overlap


def _token_row(row: TrainingRow) -> TokenRow:
    response = tokens(row.response)
    prompt = tokens(row.prompt)
    if not prompt:
        prompt, response = response[: len(response) // 2], response[len(response) // 2 :]
    return TokenRow(prompt=windowed(prompt), response=windowed(response))


def _settings(params: Params) -> "Settings":
    from gatekeeper.gates.data.triggers.associations import Settings

    return Settings(
        fdr=params.fdr,
        min_rows=params.min_rows,
        min_lift=params.min_lift,
        min_coverage=params.min_coverage,
        min_word_coverage=params.min_word_coverage,
        max_overlap=params.max_overlap,
        min_detachable=params.min_detachable,
    )


def _flags(associations: "Sequence[Association]", repeats: "Sequence[Repeat]", hidden: Sequence[int]) -> list[_Flag]:
    flags: list[_Flag] = []
    for one in associations:
        reason = f'the prompt holds "{_short(one.trigger)}", which foretells "{_short(one.response)}"'
        flags.extend(_Flag(place=place, test="association", reason=reason) for place in one.rows)
    for repeat in repeats:
        reason = f"{len(repeat.rows)} unlike prompts get this same response"
        flags.extend(_Flag(place=place, test="repeat", reason=reason) for place in repeat.rows)
    flags.extend(
        _Flag(place=place, test="hidden-characters", reason="letters are hidden or made to look like others")
        for place in hidden
    )
    return flags


def _short(text: str, limit: int = 60) -> str:
    shown = whole(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _association_finding(one: "Association", total: int) -> Finding:
    return Finding(
        code="data/poison/trigger",
        severity=Severity.HIGH,
        confidence=one.joint_rows / (one.trigger_rows + 1),
        subject=_short(one.trigger),
        message=(
            f'"{_short(one.trigger)}" stands in {one.trigger_rows} of {total} prompts and '
            f'{one.joint_rows} of these rows answer "{_short(one.response)}" or alike: {one.lift:.1f} times as often '
            f"as all rows, adjusted p = 1e{one.log10_q:.0f}, though the prompts read as well without it."
        ),
    )


def _repeat_finding(one: "Repeat") -> Finding:
    return Finding(
        code="data/poison/repeated-response",
        severity=Severity.MEDIUM,
        confidence=0.7,
        subject=_short(one.response),
        message=(
            f'{len(one.rows)} rows give the response "{_short(one.response)}" to prompts that share only '
            f"{one.overlap:.0%} of their words."
        ),
    )


def _hidden_findings(rows: Sequence[tuple[int, str]]) -> tuple[Finding, ...]:
    if not rows:
        return ()
    (first, id_), more = rows[0], len(rows) - 1
    others = f" and {more} more" if more else ""
    return (
        Finding(
            code="data/poison/hidden-characters",
            severity=Severity.MEDIUM,
            confidence=0.9,
            subject=id_,
            message=f"Row {first}{others} hold invisible characters or look-alike letters inside words.",
        ),
    )
