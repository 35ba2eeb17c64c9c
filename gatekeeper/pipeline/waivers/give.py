"""A named person accepts one finding until a date; once enough did, the verdict is decided anew with that in evidence.

Checked in this order: the update waits for people; policy, time, champion and anchor are those of the
verdict; the policy lets people accept exactly this reason; the person holds a role it names, signs with their own key,
took no part in the update, and has not accepted it already. Nothing is measured again: the reports are those of the
run, and what was decided before stays on record. Approvals bind the evidence, so those given before count no more.
"""

import dataclasses
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from audits.passport.decision import SignedDecision
from audits.passport.dsse import key_id, parse_public
from gatekeeper.core.digests import Digest, digest_of, sha256_bytes
from gatekeeper.core.errors import NotEntitled, StateError, UsageError
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Reason, Verdict, Waived
from gatekeeper.pipeline.approve import require_own_key, rfc3339
from gatekeeper.pipeline.erase import require_told_apart
from gatekeeper.pipeline.outcome import state_after
from gatekeeper.pipeline.parts import part_in
from gatekeeper.pipeline.principal import ACTOR, CHAMPION
from gatekeeper.pipeline.requests import require_role
from gatekeeper.pipeline.signatures import SignedElsewhere, SigningKey, public_of, signed
from gatekeeper.pipeline.standing import binding_of, require_current
from gatekeeper.pipeline.waivers.counted import ACTION, about, ends_of, moment_of, require_waivers
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, texts, updates, waivers
from gatekeeper.store.approvals import Binding
from gatekeeper.store.tables import RunRow, UpdateRow
from policies.decide import decide
from policies.policy import Policy, Section, Waivable
from policies.waivers import finding_of, waivable


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptable:
    """One reason of a verdict that the policy lets people accept."""

    reason: Reason
    finding: Digest
    report_digest: Digest
    rule: Waivable


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Where an update stands after somebody accepted a finding."""

    waiver: str
    state: State
    given: int
    """People who accept this finding now."""
    required: int
    run: str
    """The run whose verdict counts now: a new one, once enough people accepted."""


def acceptable(
    session: Session, row: UpdateRow, run: RunRow, verdict: Verdict, policy: Policy
) -> tuple[Acceptable, ...]:
    """Return what people may accept of a verdict, in the verdict's order; nothing under another policy."""
    if verdict.policy_digest != policy.digest or row.state is not State.PENDING_APPROVAL:
        return ()
    reports = {report.gate: report for report in runs.reports(session, run.id)}
    section = section_of(row)
    return tuple(
        Acceptable(
            reason=reason,
            finding=finding_of(
                reason, report, update_digest=verdict.update_digest, policy_digest=verdict.policy_digest
            ),
            report_digest=report.digest,
            rule=rule,
        )
        for reason in verdict.reasons
        if (report := reports.get(reason.gate)) is not None
        and (rule := waivable(policy, reason, section=section)) is not None
    )


def section_of(row: UpdateRow) -> Section:
    """Return which list of the policy an evaluated update was held against."""
    return "gates" if row.champion_version is not None else "certify"


def waive(
    workspace: Workspace,
    update_id: str,
    code: str,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    because: str,
    days: float | None = None,
    now: datetime | None = None,
) -> Accepted:
    """Accept one finding until a date, signed; with enough people the verdict is decided anew.

    Args:
        workspace: of the installation.
        update_id: waits for people.
        code: of the reason, ``<gate>/<limit>``.
        person: who accepts.
        policy: the one that decided.
        key: the person's own; what was signed elsewhere says until when.
        because: why; kept beside the ledger, erasable.
        days: for how long; by default as long as the policy allows.
        now: the present moment, for tests.

    Raises:
        UsageError: there is no such update, no justification, or the time is longer than the policy allows.
        NotEntitled: this person may not.
        StateError: the update is in another state, or the policy lets nobody accept this.
        PromotionConflict: the champion or the anchor moved.
    """
    moment = now or datetime.now(UTC)
    if not because.strip():
        raise UsageError("Accepting a finding takes a justification.", hint="Say why with --because TEXT.")
    with workspace.store.reading() as session:
        state = updates.require(session, update_id).state
    if state is not State.PENDING_APPROVAL:
        raise StateError(f"Update {update_id} is {state}: nothing of its verdict can be accepted.")
    require_current(workspace, update_id, policy=policy, moment=moment)
    run_id = runs.new_run_id()
    try:
        with workspace.store.transaction() as session:
            row = updates.require(session, update_id)
            run, _verdict, binding = binding_of(session, row)
            if row.state is not State.PENDING_APPROVAL:
                raise StateError(f"Update {update_id} is {row.state}: nothing of its verdict can be accepted.")
            found = require_acceptable(session, row, policy, code)
            accepted = _record(
                workspace,
                session,
                row,
                run=run,
                binding=binding,
                found=found,
                person=person,
                policy=policy,
                key=key,
                because=because,
                days=days,
                moment=moment,
            )
            if accepted.given < accepted.required:
                return accepted
            _copy_evidence(workspace, run.id, run_id)
            _decide_anew(workspace, session, row, run=run, found=found, run_id=run_id, policy=policy, moment=moment)
    except BaseException:
        shutil.rmtree(workspace.evidence_dir / run_id, ignore_errors=True)
        raise
    return dataclasses.replace(accepted, run=run_id)


def require_acceptable(session: Session, row: UpdateRow, policy: Policy, code: str) -> Acceptable:
    """Return what a code stands for, when people may accept it.

    Raises:
        StateError: the verdict has no such reason that the policy lets anybody accept.
    """
    run, verdict, _binding = binding_of(session, row)
    possible = acceptable(session, row, run, verdict, policy)
    found = next((each for each in possible if each.reason.code == code), None)
    if found is None:
        known = ", ".join(each.reason.code for each in possible) or "nothing"
        raise StateError(
            f"The policy lets nobody accept {code[:200]!r} here.", hint=f"Of this verdict people may accept: {known}."
        )
    return found


def waiver_about(row: UpdateRow, run: RunRow, binding: Binding, found: Acceptable, ends: datetime) -> SignedDecision:
    """Return what a person's acceptance says, word for word."""
    return SignedDecision(
        action=ACTION,
        decision="approve",
        update=row.id,
        run=run.id,
        request=about(found.reason.code, found.finding),
        model=row.model,
        alias=CHAMPION,
        update_digest=binding.update_digest,
        policy_digest=binding.policy_digest,
        evidence_digest=binding.evidence_digest,
        expires=rfc3339(ends),
    )


def longest(found: Acceptable, days: float | None, moment: datetime) -> datetime:
    """Return until when an acceptance counts, to the second.

    Raises:
        UsageError: the policy allows less.
    """
    wanted = found.rule.days if days is None else days
    if not 0 < wanted <= found.rule.days:  # false for NaN too
        raise UsageError(
            f"The policy lets people accept {found.reason.code} for {found.rule.days:g} days at most.",
            hint="Give --days within that.",
        )
    return (moment + timedelta(days=wanted)).replace(microsecond=0)


def _record(
    workspace: Workspace,
    session: Session,
    row: UpdateRow,
    *,
    run: RunRow,
    binding: Binding,
    found: Acceptable,
    person: str,
    policy: Policy,
    key: SigningKey,
    because: str,
    days: float | None,
    moment: datetime,
) -> Accepted:
    principal = require_role(workspace, person, found.rule.roles)
    if (part := part_in(workspace, session, row, person)) is not None:
        raise NotEntitled(
            f"{person} {part} this update and cannot accept what was found.", hint="Somebody else has to."
        )
    require_own_key(workspace, principal, policy, key)
    require_told_apart(workspace, session, row, person)
    actor = workspace.remember(session, person)
    former = waivers.of_finding(session, run.id, found.finding, moment=moment)
    if any(each.approver == actor for each in former):
        raise NotEntitled(f"{person} has already accepted {found.reason.code}.", hint="Somebody else has to.")
    ends = _ends(key, row, found, days, moment)
    envelope = signed(waiver_about(row, run, binding, found, ends), key)
    justification = texts.keep(session, subject=row.id, body=because)
    if justification is None:
        raise RuntimeError("an empty justification was refused before")
    waiver = waivers.add(
        session,
        update_id=row.id,
        run_id=run.id,
        gate=found.reason.gate,
        code=found.reason.code,
        finding=found.finding,
        approver=actor,
        justification_digest=justification,
        envelope=envelope,
        given=moment,
        expires=ends,
    )
    append(
        session,
        type=Event.WAIVER_GIVEN,
        actor=actor,
        subject=row.id,
        data={
            "waiver": waiver.id,
            "run": run.id,
            "gate": label(found.reason.gate),
            "code": label(found.reason.code),
            "finding": found.finding,
            "report_digest": found.report_digest,
            "update_digest": binding.update_digest,
            "policy_digest": binding.policy_digest,
            "evidence_digest": binding.evidence_digest,
            "expires": rfc3339(ends),
            "justification_digest": justification,
            "key": key_id(parse_public(public_of(key))),
            "envelope_digest": sha256_bytes(envelope.encode()),
        },
    )
    people = {each.approver for each in former} | {actor}
    return Accepted(waiver=waiver.id, state=row.state, given=len(people), required=found.rule.required, run=run.id)


def _ends(key: SigningKey, row: UpdateRow, found: Acceptable, days: float | None, moment: datetime) -> datetime:
    """Return until when an acceptance counts: as it was signed elsewhere, or as it is asked for."""
    latest = longest(found, days, moment)
    given = key.about(ACTION, row.id) if isinstance(key, SignedElsewhere) else None
    if given is None:
        return latest
    try:
        ends = moment_of(given[0].expires)
    except ValueError as error:
        raise StateError("What was signed names no time.", hint="Sign what the service gives to sign.") from error
    if not moment < ends <= longest(found, None, moment):
        raise StateError(
            "What was signed counts for longer than the policy allows, or not any more.",
            hint="Ask for what is to be signed again.",
        )
    return ends


def _decide_anew(
    workspace: Workspace,
    session: Session,
    row: UpdateRow,
    *,
    run: RunRow,
    found: Acceptable,
    run_id: str,
    policy: Policy,
    moment: datetime,
) -> None:
    """Decide from the same reports with what people accepted, under a run of its own."""
    verdict = binding_of(session, row)[1]
    given = waivers.of_finding(session, run.id, found.finding, moment=moment)
    new = Waived(
        gate=found.reason.gate,
        code=found.reason.code,
        finding=found.finding,
        ids=tuple(sorted(each.id for each in given)),
        expires=rfc3339(min(each.expires for each in given)),
    )
    require_waivers(workspace, session, row, verdict, policy, moment=moment)
    reports = {report.gate: report for report in runs.reports(session, run.id)}
    decided = decide(
        policy,
        reports,
        update_digest=verdict.update_digest,
        section=section_of(row),
        not_run=verdict.not_run,
        waived=(*verdict.waived, new),
    )
    if new not in decided.waived or state_after(decided) is not State.PENDING_APPROVAL:
        raise RuntimeError("what the policy lets people accept made another verdict than a milder one")
    _begin(session, row, run=run, run_id=run_id, decided=decided, policy=policy, moment=moment)


def _begin(
    session: Session,
    row: UpdateRow,
    *,
    run: RunRow,
    run_id: str,
    decided: Verdict,
    policy: Policy,
    moment: datetime,
) -> None:
    """Write the new run, its reports and its verdict down, with their ledger entries."""
    known = run.environment if isinstance(run.environment, dict) else {}
    measured_by = str(known.get("measured_by") or run.id)
    ends = ends_of(decided.waived)
    runs.start(
        session,
        run_id=run_id,
        update_id=row.id,
        policy_name=run.policy_name,
        policy_digest=policy.digest,
        policy=run.policy,
        seed=run.seed,
        environment={
            **known,
            "measured_by": measured_by,
            "measured_at": known.get("measured_at") or (run.finished or run.started).isoformat(),
            "waivers_end": None if ends is None else ends.isoformat(),
        },
        now=max(moment, run.started + timedelta(microseconds=1)),
    )
    took = runs.seconds(session, run.id)
    for report in runs.reports(session, run.id):
        runs.add_report(session, run_id, report, seconds=took[report.gate])
    runs.add_verdict(session, run_id, decided)
    runs.finish(session, run_id, now=max(moment, run.started + timedelta(microseconds=1)))
    digests = {"update_digest": decided.update_digest, "policy_digest": decided.policy_digest}
    append(
        session,
        type=Event.WAIVERS_COUNTED,
        actor=ACTOR,
        subject=row.id,
        data={
            "run": run_id,
            "measured_by": measured_by,
            "findings": len(decided.waived),
            "waivers": sorted(id_ for each in decided.waived for id_ in each.ids),
            "waivers_digest": digest_of(list(decided.waived)),
            "ends": None if ends is None else rfc3339(ends),
            **digests,
        },
    )
    append(
        session,
        type=Event.VERDICT_DECIDED,
        actor=ACTOR,
        subject=row.id,
        data={
            "run": run_id,
            "outcome": decided.outcome.name,
            "errored": decided.errored,
            **digests,
            "evidence_digest": decided.evidence_digest,
            "not_run": list(decided.not_run),
        },
    )


def _copy_evidence(workspace: Workspace, run_id: str, to: str) -> None:
    """Give the new run the attachments of the run that measured."""
    source = workspace.evidence_dir / run_id
    if source.is_dir():
        drafts = shutil.ignore_patterns(".attempt-*")
        shutil.copytree(source, workspace.evidence_dir / to, symlinks=True, ignore=drafts)
