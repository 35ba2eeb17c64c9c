"""Fifth stage: move the alias, so that the ledger knows before the registry does.

Order: policy, time, champion and anchor are checked again (:mod:`gatekeeper.pipeline.standing`); the approvals are
counted again and the intent is written, in one transaction; the registered bytes are fetched and hashed again; the
alias is moved with the expected previous version and read back; what was observed is written, and the former champion
becomes SUPERSEDED, in one transaction. A process that dies in between leaves a promotion under way, which
:func:`recover` finishes or gives up by what the registry says.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.errors import GatekeeperError, PromotionConflict, StateError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.pipeline.judge import ACTOR
from gatekeeper.pipeline.references import fetch
from gatekeeper.pipeline.standing import binding_of, require_agreed, require_current
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.workspace import ANCHOR, CHAMPION, Workspace
from gatekeeper.store import promotions, updates
from gatekeeper.store.tables import PromotionKind, PromotionRow, PromotionState, UpdateRow
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """What production points to now."""

    model: str
    version: str
    aliases: tuple[str, ...]
    previous: str | None
    """Version the alias pointed to before; ``None`` for a first champion."""


def promote(workspace: Workspace, update_id: str, *, policy: Policy, now: datetime | None = None) -> Promoted:
    """Make an approved update the champion; a certified first one becomes the anchor too.

    Raises:
        StateError: it is not approved, or its approvals expired or bind something else.
        PromotionConflict: the champion is no longer the one the evidence compared with; the update becomes STALE.
        VerificationError: the registered bytes are not the approved ones.
        RegistryError: the registry cannot be reached; the promotion can be repeated.
    """
    moment = now or datetime.now(UTC)
    with turn(workspace.lock_file) as mine:
        if not mine:
            raise PromotionConflict("Another promotion is going on here.", hint="Wait for it to end, then repeat.")
        with workspace.store.reading() as session:
            state = updates.require(session, update_id).state
        if state not in (State.APPROVED, State.PROMOTION_FAILED):
            hint = f"Somebody approves it first: gatekeeper approve {update_id} --as NAME."
            if state is State.ACTIVE:
                hint = "It is live already."
            raise StateError(
                f"Update {update_id} is {state}, not approved.",
                hint=hint if state in (State.PENDING_APPROVAL, State.ACTIVE) else "See `gatekeeper status`.",
            )
        require_current(workspace, update_id, policy=policy, moment=moment)
        return _carry_out(workspace, _intend(workspace, update_id, policy, moment))


def recover(workspace: Workspace) -> tuple[str, ...]:
    """Finish or give up every promotion a dead process left under way; return the ids of their updates.

    Nothing is touched while a promotion is going on, nor what belongs to another registry. An alias that did move is
    observed only when the bytes behind it are the approved ones.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    with turn(workspace.lock_file) as mine:
        if not mine:
            return ()
        with workspace.store.reading() as session:
            left = [row for row in promotions.all_under_way(session) if row.registry_id == workspace.registry.id]
        for intent in left:
            if workspace.registry.alias_version(intent.model, intent.alias) != intent.version:
                _fail(workspace, intent, error="Interrupted")
                continue
            try:
                _require_approved_bytes(workspace, intent)
            except VerificationError as error:
                _fail(workspace, intent, error=type(error).__name__)
                continue
            _set_first_anchor(workspace, intent)
            _observe(workspace, intent)
    return tuple(intent.update_id for intent in left)


def _intend(workspace: Workspace, update_id: str, policy: Policy, moment: datetime) -> PromotionRow:
    with workspace.store.transaction() as session:
        row = updates.require(session, update_id)
        binding = require_agreed(workspace, session, row, policy, moment)
        version = str(row.registered_version)
        updates.move(session, update_id, State.PROMOTING, now=moment)
        intent = promotions.intend(
            session,
            update_id=update_id,
            registry_id=workspace.registry.id,
            model=row.model,
            version=version,
            alias=CHAMPION,
            expected_previous=row.champion_version,
            kind=PromotionKind.CERTIFY if row.champion_version is None else PromotionKind.PROMOTE,
            now=moment,
        )
        entry = append(
            session,
            type=Event.PROMOTION_INTENDED,
            actor=ACTOR,
            subject=update_id,
            data={
                "promotion": intent.id,
                "kind": intent.kind.value,
                "nonce": intent.nonce,
                "request": intent.request_id,
                "registry": intent.registry_id,
                "model": label(row.model),
                "version": version,
                "alias": CHAMPION,
                "expected_previous": row.champion_version,
                "update_digest": binding.update_digest,
                "policy_digest": binding.policy_digest,
                "evidence_digest": binding.evidence_digest,
            },
        )
        intent.intent_seq = entry.seq
        session.flush()
    return intent


def _carry_out(workspace: Workspace, intent: PromotionRow) -> Promoted:
    try:
        _require_approved_bytes(workspace, intent)
        workspace.registry.move_alias(
            intent.model, CHAMPION, intent.version, expected_previous=intent.expected_previous
        )
        _set_first_anchor(workspace, intent)
    except BaseException as error:
        _settle(workspace, intent, error)
        raise
    return _observe(workspace, intent)


def _require_approved_bytes(workspace: Workspace, intent: PromotionRow) -> None:
    """Fetch the registered version anew and compare it with what people agreed to."""
    registered = fetch(workspace, intent.model, intent.version)
    with workspace.store.reading() as session:
        approved = updates.require(session, intent.update_id).manifest_digest
    if registered.artifact.manifest.digest != approved:
        raise VerificationError(
            f"Version {intent.version} of {intent.model} does not hold the approved bytes.",
            hint="Somebody changed the stored artifact: nothing was promoted.",
        )


def _set_first_anchor(workspace: Workspace, intent: PromotionRow) -> None:
    if intent.expected_previous is None and workspace.registry.alias_version(intent.model, ANCHOR) is None:
        workspace.registry.move_alias(intent.model, ANCHOR, intent.version, expected_previous=None)


def _settle(workspace: Workspace, intent: PromotionRow, error: BaseException) -> None:
    """Ask the registry what is true after a failure; when it cannot be asked, the promotion stays under way."""
    try:
        present = workspace.registry.alias_version(intent.model, intent.alias)
    except GatekeeperError:
        return
    if present != intent.version:
        _fail(workspace, intent, error=type(error).__name__)


def _observe(workspace: Workspace, intent: PromotionRow) -> Promoted:
    first = intent.expected_previous is None
    aliases = (CHAMPION, ANCHOR) if first else (CHAMPION,)
    with workspace.store.transaction() as session:
        row = updates.require(session, intent.update_id)
        promotions.finish(session, intent.id, PromotionState.OBSERVED)
        where = {"registry": intent.registry_id, "model": label(intent.model), "version": intent.version}
        append(
            session,
            type=Event.PROMOTION_OBSERVED,
            actor=ACTOR,
            subject=row.id,
            data={**where, "promotion": intent.id, "alias": intent.alias, "update_digest": row.manifest_digest},
        )
        if first:
            _run, _verdict, binding = binding_of(session, row)
            append(
                session,
                type=Event.CHAMPION_CERTIFIED,
                actor=ACTOR,
                subject=row.id,
                data={
                    **where,
                    "aliases": list(aliases),
                    "update_digest": binding.update_digest,
                    "policy_digest": binding.policy_digest,
                    "evidence_digest": binding.evidence_digest,
                },
            )
        _supersede(session, row, intent)
        updates.move(session, row.id, State.ACTIVE)
    return Promoted(model=intent.model, version=intent.version, aliases=aliases, previous=intent.expected_previous)


def _supersede(session: Session, row: UpdateRow, intent: PromotionRow) -> None:
    for former in updates.in_state(session, State.ACTIVE, model=row.model):
        updates.move(session, former.id, State.SUPERSEDED)
        append(
            session,
            type=Event.CHAMPION_SUPERSEDED,
            actor=ACTOR,
            subject=former.id,
            data={
                "registry": intent.registry_id,
                "model": label(intent.model),
                "version": former.registered_version,
                "alias": intent.alias,
                "by": row.id,
            },
        )


def _fail(workspace: Workspace, intent: PromotionRow, *, error: str) -> None:
    observed = workspace.registry.alias_version(intent.model, intent.alias)
    with workspace.store.transaction() as session:
        promotions.finish(session, intent.id, PromotionState.FAILED)
        updates.move(session, intent.update_id, State.PROMOTION_FAILED)
        append(
            session,
            type=Event.PROMOTION_FAILED,
            actor=ACTOR,
            subject=intent.update_id,
            data={
                "promotion": intent.id,
                "registry": intent.registry_id,
                "model": label(intent.model),
                "version": intent.version,
                "alias": intent.alias,
                "observed": observed,
                "error": error,
            },
        )
