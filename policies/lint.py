"""What a policy allows that its author may not have meant. Warnings only: a policy that loads may be used.

Looked for: limits that no report can fail, gates the policy leaves out, margins wider than ten points, gates judged
by finding codes alone (a misspelt code counts 0 for ever), suites whose budget is spent and never asked about, gates
whose silence only asks for a review, admission without approval, approval by the submitter, and a policy that cannot
certify a first champion.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatekeeper.core.gate import Gate
from gatekeeper.core.verdict import Outcome
from policies.expression import RuleError, Source, numbers, references
from policies.policy import GateRule, Limit, Policy, Section
from policies.rules import holds_for, trials
from policies.sentences import margin_unit, write_number

_WIDE = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:  # noqa: A001 - the word people use; the built-in is never needed beside it
    """One thing to look at."""

    code: str
    """Stable, e.g. ``never-fails``."""
    where: str
    """Section, gate and limit, or the key it is about."""
    text: str
    """One sentence that says what it means for an update."""


def lint(policy: Policy, catalogue: Mapping[str, Gate]) -> tuple[Warning, ...]:  # type: ignore[type-arg]  # gates differ in their parameters
    """Return every warning, in the policy's order."""
    return (
        *_of_section(policy, "gates"),
        *_of_section(policy, "certify"),
        *_unnamed(policy, catalogue),
        *_of_approvals(policy),
    )


def _of_section(policy: Policy, section: Section) -> Iterable[Warning]:
    for rule in policy.rules(section):
        where = f"{section}: {rule.gate}"
        if rule.unmeasured is Outcome.REVIEW:
            text = f"When {rule.gate} cannot measure, a person may still admit the update."
            yield Warning(code="unmeasured-review", where=where, text=text)
        if _codes_only(rule):
            text = f"{rule.gate} is judged by finding codes alone; a code that is misspelt or retired always counts 0."
            yield Warning(code="codes-only", where=where, text=text)
        if getattr(rule.params, "spend_alpha", False) and not any(".worn_out" in text for text in _rules(rule)):
            text = f"{rule.gate} spends each suite's budget, but no limit asks whether one is worn_out."
            yield Warning(code="budget-unread", where=where, text=text)
        for limit in rule.limits:
            yield from _of_limit(limit, f"{where}: {limit.id}")
    if section == "certify" and not policy.certify:
        text = "Without certify this policy cannot make a first champion."
        yield Warning(code="no-certify", where="certify", text=text)


def _of_limit(limit: Limit, where: str) -> Iterable[Warning]:
    if _never_fails(limit):
        text = f"No report that measures can fail this limit: {limit.admit} held for every number tried."
        yield Warning(code="never-fails", where=where, text=text)
    templates = (limit.because.admit, limit.because.review, limit.because.block)
    compares = where.startswith("gates")  # in certify a margin is a floor, not what may be lost
    if compares and limit.margin is not None and limit.margin > _WIDE and any(margin_unit(text) for text in templates):
        text = f"A margin of {write_number(limit.margin, 'points')} lets an update lose more than one item in ten."
        yield Warning(code="wide-margin", where=where, text=text)


def _never_fails(limit: Limit) -> bool:
    """Return whether the limit admits, and does not block, on a grid around the numbers it names."""
    needed = tuple(
        sorted({reference for rule in (limit.admit, limit.block) if rule for reference in references(rule)})
    )
    named = {value for rule in (limit.admit, limit.block) if rule for value in numbers(rule)} | {0.0}
    named |= {limit.margin} if limit.margin is not None else set()
    grid = sorted({sign * value + step for value in named for sign in (-1, 1) for step in (-1e-3, 0.0, 1e-3)})
    free = sum(reference.source is not Source.MARGIN for reference in needed)
    counted = all(reference.source in {Source.CODE, Source.SEVERITY} for reference in needed)
    probes = (0.0, 1.0, 1e9) if counted else (-1e9, *(grid if free < 3 else (0.0,)), 1e9)
    try:
        return all(
            holds_for(limit.admit, point) and not (limit.block is not None and holds_for(limit.block, point))
            for point in trials(needed, margin=limit.margin, probes=probes)
        )
    except RuleError:
        return False


def _codes_only(rule: GateRule) -> bool:
    sources = {reference.source for text in _rules(rule) for reference in references(text)}
    return bool(sources) and sources <= {Source.CODE, Source.MARGIN}


def _rules(rule: GateRule) -> list[str]:
    return [text for limit in rule.limits for text in (limit.admit, limit.block) if text]


def _unnamed(policy: Policy, catalogue: Mapping[str, object]) -> Iterable[Warning]:
    named = {rule.gate for rule in policy.gates}
    for gate in sorted(set(catalogue) - named):
        yield Warning(code="unnamed-gate", where="gates", text=f"{gate} is installed, but this policy ignores it.")


def _of_approvals(policy: Policy) -> Iterable[Warning]:
    if "submitter" not in policy.approvals.distinct_from:
        text = "People may approve what they submitted themselves."
        yield Warning(code="own-approval", where="approvals.distinct_from", text=text)
