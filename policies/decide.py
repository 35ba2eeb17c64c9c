"""From reports to a verdict.

The strictest vote of the required gates wins. Silence is not consent: a missing, failed or unmeasured gate never
admits, and a policy that requires nothing blocks. A gate that was not run because the update was already blocked
takes nothing back and adds nothing; if nothing else blocks, it counts as missing.

Laws: the order of reports does not matter; no report can be removed, broken or made worse to get a milder outcome.
"""

from collections.abc import Iterable, Mapping, Sequence

from gatekeeper.core.digests import Digest, digest_of
from gatekeeper.core.findings import GateReport, Status
from gatekeeper.core.verdict import Outcome, Reason, Verdict, Waived
from policies.policy import REQUIRED_BEFORE_LOADING, Policy, Section
from policies.votes import Vote, votes_of
from policies.waivers import with_waivers


def decide(
    policy: Policy,
    reports: Mapping[str, GateReport],
    *,
    update_digest: Digest,
    section: Section = "gates",
    not_run: Iterable[str] = (),
    waived: Iterable[Waived] = (),
) -> Verdict:
    """Return the verdict of ``policy`` on the evidence.

    Args:
        policy: the policy that applies.
        reports: by gate id; reports of gates the policy does not name are part of the evidence and vote nothing.
        update_digest: identity of the update the reports are about.
        section: ``gates`` to compare with a champion, ``certify`` to make the first one.
        not_run: required gates that were left out because a BLOCK was already certain.
        waived: findings that people accepted; those that fit no vote, or that the policy lets nobody accept, do not
            count.

    Returns:
        The verdict. ``errored`` is true when something required could not be evaluated and no evidence blocks: the
        outcome is BLOCK then, too.
    """
    left_out = set(not_run) - set(reports)
    votes = [vote for rule in policy.rules(section) for vote in votes_of(rule, reports.get(rule.gate))]
    votes, counted = with_waivers(policy, votes, reports, waived, update_digest=update_digest, section=section)
    blocked = any(vote.blocks for vote in votes)
    if blocked:
        votes = [vote for vote in votes if vote.reason.gate not in left_out]
    if not votes:
        votes = [_nothing_required(policy, section)]
    return Verdict(
        outcome=max((vote.outcome for vote in votes), default=Outcome.BLOCK),
        errored=not blocked and any(vote.errored for vote in votes),
        reasons=tuple(vote.reason for vote in sorted(votes, key=lambda vote: (-vote.outcome, vote.errored))),
        not_run=tuple(rule.gate for rule in policy.rules(section) if blocked and rule.gate in left_out),
        policy_digest=policy.digest,
        evidence_digest=evidence_digest(reports.values(), counted),
        update_digest=update_digest,
        waived=counted,
    )


def votes_so_far(policy: Policy, reports: Mapping[str, GateReport], *, section: Section = "gates") -> tuple[Vote, ...]:
    """Return the votes of the required gates that have a report already; the others have not voted yet."""
    return tuple(
        vote for rule in policy.rules(section) if rule.gate in reports for vote in votes_of(rule, reports[rule.gate])
    )


def block_is_certain(policy: Policy, reports: Mapping[str, GateReport], *, section: Section = "gates") -> bool:
    """Return whether the evidence so far already blocks, whatever the gates still to run may find.

    A gate that failed does not make it certain: it can be run again.
    """
    return any(vote.blocks for vote in votes_so_far(policy, reports, section=section))


def may_load(policy: Policy, reports: Mapping[str, GateReport], *, section: Section = "gates") -> bool:
    """Return whether a candidate may be loaded to be scored.

    True only when both gates of :data:`~policies.policy.REQUIRED_BEFORE_LOADING` measured and no limit on them
    blocks. Loading can run code, so this does not depend on whether the policy stops early.
    """
    for gate in REQUIRED_BEFORE_LOADING:
        rule, report = policy.rule(gate, section=section), reports.get(gate)
        if rule is None or report is None or report.status is not Status.MEASURED:
            return False
        if any(vote.outcome is Outcome.BLOCK for vote in votes_of(rule, report)):
            return False
    return True


def evidence_digest(reports: Iterable[GateReport], waived: Sequence[Waived] = ()) -> Digest:
    """Return the digest over the sorted digests of ``reports``, and over what people accepted where they did."""
    return evidence_digest_of((report.digest for report in reports), waived)


def evidence_digest_of(digests: Iterable[Digest], waived: Sequence[Waived] = ()) -> Digest:
    """Return the same from the digests of reports."""
    measured = sorted(digests)
    return digest_of({"reports": measured, "waived": list(waived)} if waived else measured)


def _nothing_required(policy: Policy, section: Section) -> Vote:
    text = f"The policy {policy.name} requires nothing in its section {section}, so it cannot admit anything."
    return Vote(reason=Reason(gate="policy", code="policy/empty", outcome=Outcome.BLOCK, text=text))
