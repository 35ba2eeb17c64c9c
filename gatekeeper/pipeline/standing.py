"""Does what people agreed to still stand? Asked before every approval and again before every promotion.

What no longer stands is written down as STALE or EXPIRED in a transaction of its own before the error is raised, so
that putting an old policy file back revives nothing.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import PromotionConflict, StateError, VerificationError
from gatekeeper.core.states import MOVES, State
from gatekeeper.core.verdict import Verdict
from gatekeeper.pipeline.principal import ACTOR, ANCHOR, CHAMPION, SERVICE
from gatekeeper.pipeline.waivers.counted import ends_of, require_waivers
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import approvals, runs, updates
from gatekeeper.store.approvals import Binding
from gatekeeper.store.standings import measured_at, waivers_end
from gatekeeper.store.tables import RunRow, UpdateRow
from policies.decide import evidence_digest_of
from policies.policy import Policy


def binding_of(session: Session, row: UpdateRow) -> tuple[RunRow, Verdict, Binding]:
    """Return the newest run of an update with its verdict and what an approval of it binds.

    Raises:
        StateError: there is no verdict.
    """
    run = runs.newest(session, row.id)
    verdict = runs.verdict(session, run.id) if run is not None else None
    if run is None or verdict is None:
        raise StateError(f"Update {row.id} has no verdict yet.", hint="Run it first: gatekeeper check.")
    return (
        run,
        verdict,
        Binding(
            update_digest=Digest(row.manifest_digest),
            policy_digest=verdict.policy_digest,
            evidence_digest=verdict.evidence_digest,
        ),
    )


def deadline_of(run: RunRow, policy: Policy) -> datetime:
    """Return when the request for approval of a run ends, in UTC.

    It begins when the gates had measured, so that deciding anew with a waiver gains no time, and it ends with the
    first waiver that the verdict counts.
    """
    return deadline_after(
        measured_at(run.environment) or run.finished or run.started, policy, waivers_end=waivers_end(run.environment)
    )


def deadline_after(judged: datetime, policy: Policy, *, waivers_end: datetime | None = None) -> datetime:
    """Return when the request for approval of a run ends that was judged at a moment, in UTC.

    Args:
        judged: when its gates had measured.
        policy: it was judged by.
        waivers_end: when the first waiver ends that its verdict counts.
    """
    deadline = judged + timedelta(hours=policy.approvals.expires_hours)
    return deadline if waivers_end is None else min(deadline, waivers_end)


def needed_for(row: UpdateRow, policy: Policy) -> int:
    """Return how many distinct people must agree to an update: a first champion takes two where others take one."""
    return policy.approvals.needed(two_person=row.champion_version is None)


def require_current(
    workspace: Workspace,
    update_id: str,
    *,
    policy: Policy,
    moment: datetime,
    waiting: Collection[State] | None = None,
) -> None:
    """Return when policy, evidence, champion, anchor and time are still those of the verdict.

    Args:
        workspace: of the installation.
        update_id: which update.
        policy: the present one.
        moment: the present one.
        waiting: states in which something waits for a decision; by default nobody asks.

    Raises:
        StateError: nothing waits, the policy changed, a waiver that counts ended, or the request expired; the update
            becomes STALE or EXPIRED.
        VerificationError: the evidence is not what was decided on; the update becomes STALE.
        PromotionConflict: the champion or the anchor moved; the update becomes STALE.
    """
    changed: VerificationError | None = None
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        if waiting is not None and row.state not in waiting:
            raise StateError(f"Update {update_id} is {row.state}: nothing waits for a decision.")
        run, verdict, _binding = binding_of(session, row)
        try:
            require_evidence(session, run, verdict)
        except VerificationError as error:
            changed = error
    if verdict.policy_digest != policy.digest:
        _leave(workspace, row, State.STALE, changed="policy")
        raise StateError(
            "The policy has changed since this verdict, so the verdict and its approvals no longer count.",
            hint="Propose the update again under the present policy.",
        )
    if changed is not None:
        _leave(workspace, row, State.STALE, changed="evidence")
        raise changed
    waived_until = ends_of(verdict.waived)
    if waived_until is not None and moment >= waived_until:
        _leave(workspace, row, State.STALE, changed="waiver")
        raise StateError(
            f"What people accepted about {update_id} counted until {waived_until:%Y-%m-%d %H:%M} UTC, so the verdict "
            "and its approvals no longer count.",
            hint="Evaluate the update again.",
        )
    deadline = deadline_of(run, policy)
    if moment >= deadline:
        _leave(workspace, row, State.EXPIRED)
        raise StateError(
            f"The request for approval of {update_id} expired on {deadline:%Y-%m-%d %H:%M} UTC.",
            hint="Propose the update again.",
        )
    known = run.environment if isinstance(run.environment, dict) else {}
    now = workspace.registry.alias_versions(row.model)
    for alias, compared in ((CHAMPION, row.champion_version), (ANCHOR, known.get("anchor_version"))):
        present = now.get(alias)
        if present != compared:
            if row.state is State.PROMOTION_FAILED and present == row.registered_version:
                raise PromotionConflict(
                    f"The {alias} of {row.model} is this update's own version {present} already: an attempt that "
                    "seemed to have failed arrived late.",
                    hint="Repeat the command: it writes down first what the registry made late.",
                )
            _leave(workspace, row, State.STALE, changed=alias)
            raise PromotionConflict(
                f"The {alias} of {row.model} is version {present or 'none'} now; the evidence compared with "
                f"{compared or 'none'}.",
                hint="Propose the update again, so that it is compared with what is live.",
            )


def require_evidence(session: Session, run: RunRow, verdict: Verdict) -> None:
    """Return when the reports that are kept are those that the verdict was decided on.

    Raises:
        VerificationError: they are not.
    """
    if evidence_digest_of(runs.report_digests(session, run.id), verdict.waived) != verdict.evidence_digest:
        raise VerificationError(
            f"The reports of run {run.id} are not the evidence that was decided on.",
            hint="Someone changed the application database: evaluate the update again.",
        )


def require_agreed(
    workspace: Workspace, session: Session, row: UpdateRow, policy: Policy, moment: datetime
) -> Binding:
    """Return what was agreed to, when enough distinct people who may decide today agreed to exactly that.

    Raises:
        StateError: too few did, a waiver does not count any more, or the update was never registered.
    """
    run, verdict, binding = binding_of(session, row)
    require_waivers(workspace, session, row, verdict, policy, moment=moment)
    entitled = {
        workspace.pseudonym(session, person.name)
        for person in workspace.principals.values()
        if set(person.roles) & set(policy.approvals.roles) and SERVICE not in person.roles
    }
    given = {approval.approver for approval in approvals.standing(session, run.id, binding=binding, now=moment)}
    count = len(given & (entitled - {row.submitter}))
    required = needed_for(row, policy)
    if count < required:
        raise StateError(
            f"Update {row.id} has {count} of {required} approvals that count.",
            hint="An approver may have left principals.toml: propose the update again.",
        )
    if row.registered_version is None:
        raise StateError(f"Update {row.id} was never registered.", hint="Propose it again.")
    return binding


def _leave(workspace: Workspace, row: UpdateRow, to: State, *, changed: str = "") -> None:
    """Write down that a verdict no longer stands, where the update's state rests on it."""
    if to not in MOVES[row.state]:
        return
    with workspace.store.transaction() as session:
        left = updates.move(session, row.id, to, revision=row.revision)
        data: dict[str, object] = {"update_digest": row.manifest_digest, "state": left.value}
        stale = to is State.STALE
        append(
            session,
            type=Event.UPDATE_STALE if stale else Event.UPDATE_EXPIRED,
            actor=ACTOR,
            subject=row.id,
            data={**data, "changed": changed} if stale else data,
        )
