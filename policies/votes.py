"""How one required gate votes: one vote per limit, or one vote for the whole gate when there is nothing to judge.

A limit is read in this order: a rule that cannot be evaluated → BLOCK, marked as an error; ``block`` holds → BLOCK;
``admit`` holds → ADMIT; neither → what the limit says otherwise, REVIEW or BLOCK.
"""

from dataclasses import dataclass

from gatekeeper.core.findings import GateReport, Status
from gatekeeper.core.verdict import Outcome, Reason
from policies.policy import GateRule, Limit
from policies.rules import evaluate
from policies.sentences import fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One vote and why."""

    reason: Reason
    errored: bool = False
    """True when it stands for something that could not be evaluated, not for something that was found."""
    limit: Limit | None = None
    """The limit that voted; ``None`` when the gate as a whole did."""

    @property
    def outcome(self) -> Outcome:
        """What it votes for."""
        return self.reason.outcome

    @property
    def blocks(self) -> bool:
        """Whether evidence, and not the lack of it, votes BLOCK."""
        return self.outcome is Outcome.BLOCK and not self.errored


def votes_of(rule: GateRule, report: GateReport | None) -> tuple[Vote, ...]:
    """Return the votes of one required gate; at least one."""
    if report is None:
        return (_whole(rule, "missing", f"{rule.gate} has no report, and silence is not consent.", errored=True),)
    if report.gate != rule.gate:
        return (
            _whole(rule, "missing", f"What was filed under {rule.gate} is a report of another gate.", errored=True),
        )
    match report.status:
        case Status.ERRORED:
            return (_whole(rule, "errored", f"{rule.gate} failed: {_sentence(report.note)}", errored=True),)
        case Status.UNMEASURED:
            return (_unmeasured(rule, report),)
        case Status.MEASURED:
            votes = tuple(_vote(limit, report) for limit in rule.limits)
            return votes or (_whole(rule, "empty", f"The policy sets no limit for {rule.gate}.", errored=False),)


def _unmeasured(rule: GateRule, report: GateReport) -> Vote:
    text = f"{rule.gate} could not measure: {_sentence(report.note)}"
    outcome = max(rule.unmeasured, Outcome.REVIEW)
    return Vote(reason=Reason(gate=rule.gate, code=f"{rule.gate}/unmeasured", outcome=outcome, text=text))


def _whole(rule: GateRule, code: str, text: str, *, errored: bool) -> Vote:
    reason = Reason(gate=rule.gate, code=f"{rule.gate}/{code}", outcome=Outcome.BLOCK, text=text)
    return Vote(reason=reason, errored=errored)


def _vote(limit: Limit, report: GateReport) -> Vote:
    admits = evaluate(limit.admit, report, margin=limit.margin)
    blocks = None if limit.block is None else evaluate(limit.block, report, margin=limit.margin)
    problem = admits.problem or (blocks.problem if blocks is not None else "")
    code = f"{report.gate}/{limit.id}"
    if problem:
        text = f"The limit {limit.id} could not be evaluated: {problem}."
        reason = Reason(gate=report.gate, code=code, outcome=Outcome.BLOCK, text=text)
        return Vote(reason=reason, errored=True, limit=limit)
    if blocks is not None and blocks.holds is True:
        outcome = Outcome.BLOCK
    elif admits.holds is True:
        outcome = Outcome.ADMIT
    else:
        outcome = max(limit.otherwise, Outcome.REVIEW)
    text = fill(limit.because.of(outcome), report, margin=limit.margin)
    return Vote(reason=Reason(gate=report.gate, code=code, outcome=outcome, text=text), limit=limit)


def _sentence(note: str) -> str:
    note = " ".join(note.split()) or "it gave no reason"
    return note if note.endswith((".", "!", "?")) else f"{note}."
