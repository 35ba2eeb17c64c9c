"""Moving an alias, so that the ledger knows before the registry does.

Every move is the same saga: the intent and its promotion row in one transaction; a checkpoint over the ledger; the
passport; the registered bytes, hashed again; the alias, with the version it must point to before; what it points to
after; then the observation and the update's new state in one transaction. Each step can be repeated from any point:
:func:`recover` finishes what a dead process left under way, or gives it up, by what the registry says; what was given
up and the registry made after all, late, is adopted (:mod:`gatekeeper.pipeline.late`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.errors import GatekeeperError, VerificationError
from gatekeeper.core.spans import during, span
from gatekeeper.core.states import State
from gatekeeper.pipeline.accepted_rows import begin_quarantine
from gatekeeper.pipeline.late import changes_state, reopen_late
from gatekeeper.pipeline.passports import issue, passport_file
from gatekeeper.pipeline.principal import ACTOR, CHAMPION
from gatekeeper.pipeline.references import require_approved_bytes
from gatekeeper.pipeline.requests import close_request, close_way_back
from gatekeeper.pipeline.revocations import publish
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.registry.port import PASSPORT_TAG
from gatekeeper.store import promotions, requests, updates
from gatekeeper.store.approvals import Binding
from gatekeeper.store.tables import PromotionKind, PromotionRow, PromotionState, RequestState, UpdateRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """What production points to now."""

    model: str
    version: str
    aliases: tuple[str, ...]
    previous: str | None
    """Version the alias pointed to before; ``None`` for a first champion."""


def intend(
    workspace: Workspace,
    session: Session,
    row: UpdateRow,
    *,
    kind: PromotionKind,
    alias: str,
    expected_previous: str | None,
    binding: Binding,
    moment: datetime,
    request_id: str | None = None,
) -> PromotionRow:
    """Write down that an alias is about to be moved to an update's registered version, with its ledger entry.

    Raises:
        PromotionConflict: another move of this alias is under way.
    """
    intent = promotions.intend(
        session,
        update_id=row.id,
        registry_id=workspace.registry.id,
        model=row.model,
        version=str(row.registered_version),
        alias=alias,
        expected_previous=expected_previous,
        kind=kind,
        request_id=request_id,
        now=moment,
    )
    entry = append(
        session,
        type=Event.PROMOTION_INTENDED,
        actor=ACTOR,
        subject=row.id,
        data={
            "promotion": intent.id,
            "kind": kind.value,
            "nonce": intent.nonce,
            "request": request_id,
            "registry": intent.registry_id,
            "model": label(row.model),
            "version": intent.version,
            "alias": alias,
            "expected_previous": expected_previous,
            "update_digest": binding.update_digest,
            "policy_digest": binding.policy_digest,
            "evidence_digest": binding.evidence_digest,
        },
    )
    intent.intent_seq = entry.seq
    session.flush()
    return intent


def carry_out(workspace: Workspace, intents: Sequence[PromotionRow]) -> Promoted:
    """Move what was intended for one update, read it back and write down what was seen.

    Args:
        workspace: of the installation.
        intents: the open moves of one update, the champion's first.

    Raises:
        PromotionConflict, VerificationError, RegistryError: an alias did not move; when the registry cannot say
            whether it did, the promotion stays under way.
    """
    try:
        for intent in intents:
            _move(workspace, intent)
    except BaseException as error:
        if not _settle(workspace, intents, error):
            raise
    return _observe(workspace, intents)


def recover(workspace: Workspace) -> tuple[str, ...]:
    """Finish or give up every promotion a dead process left under way; return the ids of their updates.

    Nothing is touched while a promotion is going on, nor what belongs to another registry. An alias that did move is
    observed only when the bytes behind it are the approved ones. A move that was given up, and that the registry
    made after all, late, is observed too: its intent was written before.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    with turn(workspace.lock_file) as mine:
        if not mine:
            return ()
        with workspace.store.reading() as session:
            open_rows = [row for row in promotions.all_under_way(session) if row.registry_id == workspace.registry.id]
        left = _by_update(open_rows)
        for intents in left.values():
            _finish(workspace, intents)
        late = _by_update(reopen_late(workspace))
        for intents in late.values():
            _finish(workspace, intents)
    return (*left, *late)


def _by_update(rows: Sequence[PromotionRow]) -> dict[str, list[PromotionRow]]:
    """Group open moves by update, the champion's first."""
    found: dict[str, list[PromotionRow]] = {}
    for row in sorted(rows, key=lambda each: each.alias != CHAMPION):
        found.setdefault(row.update_id, []).append(row)
    return found


def _finish(workspace: Workspace, intents: Sequence[PromotionRow]) -> None:
    """End what was left under way: made as a whole, or each alias by what the registry says of it."""
    if not _moved(workspace, intents):
        _fail(workspace, intents, error="Interrupted")
        return
    try:
        require_approved_bytes(workspace, intents[0])
    except VerificationError as error:
        _fail(workspace, intents, error=type(error).__name__)
        return
    try:
        carry_out(workspace, intents)
    except GatekeeperError as error:
        # What cannot be made must not keep every later start from going on: each alias is written down as it is.
        moved = _moved(workspace, intents)
        if moved:
            _observe(workspace, moved)
        if rest := [intent for intent in _still_open(workspace, intents) if intent not in moved]:
            _fail(workspace, rest, error=type(error).__name__)


def _moved(workspace: Workspace, intents: Sequence[PromotionRow]) -> list[PromotionRow]:
    """Return the moves that the registry shows as made."""
    return [each for each in intents if _is_made(workspace, each)]


def _is_made(workspace: Workspace, intent: PromotionRow) -> bool:
    """Return whether the registry shows a move as made; a review is made once its passport is the version's."""
    if workspace.registry.alias_version(intent.model, intent.alias) != intent.version:
        return False
    if intent.kind is not PromotionKind.REVIEW:
        return True
    with workspace.store.reading() as session:
        passport = promotions.require(session, intent.id).passport
    tags = workspace.registry.describe(intent.model, intent.version).tags
    return passport is not None and tags.get(PASSPORT_TAG + intent.alias) == passport


def _still_open(workspace: Workspace, intents: Sequence[PromotionRow]) -> list[PromotionRow]:
    with workspace.store.reading() as session:
        return [each for each in intents if promotions.require(session, each.id).state is PromotionState.PROMOTING]


def _move(workspace: Workspace, intent: PromotionRow) -> None:
    """Bring one alias to where it was intended, under a passport for exactly this move.

    Where it is there already, an earlier attempt of ours arrived late: what is left to do is this move's own passport.
    A review leaves the alias where it is; setting it again lets the registry note the new passport as the last one.
    """
    there = _moved(workspace, [intent]) != []
    if there and intent.passport is not None:
        return
    with span("promote.hash", alias=intent.alias):
        artifact = require_approved_bytes(workspace, intent)
    with span("promote.passport", alias=intent.alias):
        passport = intent.passport or issue(workspace, intent, artifact)
        _keep(workspace, intent, passport)
    with span("promote.alias", alias=intent.alias):
        workspace.registry.attach_passport(intent.model, intent.version, intent.alias, passport)
        if not there or intent.kind is PromotionKind.REVIEW:
            workspace.registry.move_alias(
                intent.model, intent.alias, intent.version, expected_previous=intent.expected_previous
            )


def _keep(workspace: Workspace, intent: PromotionRow, passport: str) -> None:
    """Write the passport down, in the database and as a file."""
    with workspace.store.transaction() as session:
        promotions.issued(session, intent.id, passport)
    file = passport_file(workspace, intent.model, intent.alias, intent.version)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(passport, encoding="utf-8")


def _settle(workspace: Workspace, intents: Sequence[PromotionRow], error: BaseException) -> bool:
    """Ask the registry what is true after a failure; return whether everything moved after all.

    When it cannot be asked, or only a part moved, the promotion stays under way for :func:`recover`.
    """
    try:
        moved = _moved(workspace, intents)
        if not moved:
            _fail(workspace, intents, error=type(error).__name__)
    except GatekeeperError:
        return False
    everything = len(moved) == len(intents)
    return everything and isinstance(error, GatekeeperError) and not isinstance(error, VerificationError)


@during("promote.observe")
def _observe(workspace: Workspace, intents: Sequence[PromotionRow]) -> Promoted:
    first = intents[0]
    with workspace.store.transaction() as session:
        row = updates.require(session, first.update_id)
        for intent in intents:
            promotions.finish(session, intent.id, PromotionState.OBSERVED)
            append(
                session,
                type=Event.PROMOTION_OBSERVED,
                actor=ACTOR,
                subject=row.id,
                data={
                    **_where(intent),
                    "promotion": intent.id,
                    "alias": intent.alias,
                    "update_digest": row.manifest_digest,
                },
            )
        if first.kind is PromotionKind.CERTIFY and first.alias == CHAMPION:
            _certified(session, row, intents)
        if changes_state(first):
            _supersede(session, row, first)
            updates.move(session, row.id, State.ACTIVE)
            begin_quarantine(session, row, first.kind)
        _end_request(session, first, done=True)
    publish(workspace, first.model)
    return Promoted(
        model=first.model,
        version=first.version,
        aliases=tuple(intent.alias for intent in intents),
        previous=first.expected_previous,
    )


def _certified(session: Session, row: UpdateRow, intents: Sequence[PromotionRow]) -> None:
    _run, _verdict, binding = binding_of(session, row)
    append(
        session,
        type=Event.CHAMPION_CERTIFIED,
        actor=ACTOR,
        subject=row.id,
        data={
            **_where(intents[0]),
            "aliases": [intent.alias for intent in intents],
            "update_digest": binding.update_digest,
            "policy_digest": binding.policy_digest,
            "evidence_digest": binding.evidence_digest,
        },
    )


def _supersede(session: Session, row: UpdateRow, intent: PromotionRow) -> None:
    """Move whatever was live out of the way: superseded, or rolled back where the champion went back."""
    back = intent.kind is PromotionKind.ROLLBACK
    for former in updates.in_state(session, State.ACTIVE, model=row.model):
        updates.move(session, former.id, State.ROLLED_BACK if back else State.SUPERSEDED)
        append(
            session,
            type=Event.UPDATE_ROLLED_BACK if back else Event.CHAMPION_SUPERSEDED,
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


@during("promote.give_up")
def _fail(workspace: Workspace, intents: Sequence[PromotionRow], *, error: str) -> None:
    observed = [workspace.registry.alias_version(intent.model, intent.alias) for intent in intents]
    with workspace.store.transaction() as session:
        for intent, seen in zip(intents, observed, strict=True):
            promotions.finish(session, intent.id, PromotionState.FAILED)
            append(
                session,
                type=Event.PROMOTION_FAILED,
                actor=ACTOR,
                subject=intent.update_id,
                data={
                    **_where(intent),
                    "promotion": intent.id,
                    "alias": intent.alias,
                    "observed": seen,
                    "error": error,
                },
            )
        if changes_state(intents[0]):
            back = intents[0].kind is PromotionKind.ROLLBACK
            updates.move(session, intents[0].update_id, State.SUPERSEDED if back else State.PROMOTION_FAILED)
        _end_request(session, intents[0], done=False)


def _end_request(session: Session, intent: PromotionRow, *, done: bool) -> None:
    """Close the request that a move rests on, in the transaction that says how the move ended.

    A rollback that failed is asked for anew. Anything else that people agreed to may be tried again until its time is
    over, and so may a way back that was agreed to in advance; a review ends that one.
    """
    if intent.request_id is None:
        return
    request = requests.require(session, intent.request_id)
    if done and request.state is not RequestState.DONE:
        close_request(session, request, RequestState.DONE)
    for other in requests.of_update(session, intent.update_id) if done else ():
        if intent.kind is PromotionKind.REVIEW:
            close_way_back(session, other)
        # One consent is used once: what was asked for twice is not carried out twice.
        waiting = other.state in (RequestState.OPEN, RequestState.APPROVED) and other.return_of is None
        if waiting and other.id != request.id and other.action == request.action:
            close_request(session, other, RequestState.EXPIRED)
    if not done and intent.kind is PromotionKind.ROLLBACK and request.return_of is None:
        close_request(session, request, RequestState.EXPIRED)


def _where(intent: PromotionRow) -> dict[str, object]:
    return {"registry": intent.registry_id, "model": label(intent.model), "version": intent.version}
