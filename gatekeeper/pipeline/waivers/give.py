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
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import NotEntitled, StateError, UsageError
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Verdict
from gatekeeper.pipeline.approve import require_own_key, rfc3339
from gatekeeper.pipeline.erase import require_told_apart
from gatekeeper.pipeline.parts import part_in
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.requests import require_role
from gatekeeper.pipeline.signatures import SignedElsewhere, SigningKey, public_of, signed
from gatekeeper.pipeline.standing import binding_of, require_current
from gatekeeper.pipeline.waivers.anew import Acceptable, copy_evidence, decide_anew, section_of
from gatekeeper.pipeline.waivers.counted import ACTION, about, moment_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, texts, updates, waivers
from gatekeeper.store.approvals import Binding
from gatekeeper.store.tables import RunRow, UpdateRow
from policies.policy import Policy
from policies.waivers import finding_of, waivable


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
            copy_evidence(workspace, run.id, run_id)
            decide_anew(workspace, session, row, run=run, found=found, run_id=run_id, policy=policy, moment=moment)
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
