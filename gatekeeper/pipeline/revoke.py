"""Revoke an update: no passport covers its bytes any more, wherever they are."""

from dataclasses import dataclass
from datetime import UTC, datetime

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.errors import StateError
from gatekeeper.core.spans import during
from gatekeeper.core.states import State
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.requests import Signer, Wish, agree, close_request, open_request
from gatekeeper.pipeline.revocations import publish
from gatekeeper.pipeline.rollback import OPEN_FOR, rollback
from gatekeeper.pipeline.signatures import SigningKey
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import requests, revocations, updates
from gatekeeper.store.tables import RequestState
from policies.policy import Policy

ACTION = "revoke"
DECIDED = "decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """What came of it."""

    update: str
    live: str | None
    """Version that is live now, when the champion had to go back first; ``None`` otherwise."""
    published: bool
    """Whether the registry took the new list; when not, the next round of the reconciler publishes it."""


@during("revoke")
def revoke(
    workspace: Workspace,
    update_id: str,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    reason: str = "",
    now: datetime | None = None,
) -> Revoked:
    """Put an update's bytes on the revocation list; the live one is rolled back first.

    Raises:
        StateError: it was never live, it is the first champion and nothing lies before it, or this person may not.
        PromotionConflict, RegistryError: the rollback failed; nothing was revoked.
    """
    moment = now or datetime.now(UTC)
    signer = Signer(person=person, key=key, policy=policy, moment=moment)
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
    if row.state not in (State.ACTIVE, State.SUPERSEDED, State.ROLLED_BACK):
        raise StateError(f"Update {update_id} is {row.state}: it has no passport that could be revoked.")
    live = None
    if row.state is State.ACTIVE:
        live = rollback(workspace, row.model, person=person, policy=policy, key=key, reason=reason, now=now).version
    with workspace.store.transaction() as session:
        row = updates.require(session, update_id)
        request = open_request(
            workspace,
            session,
            row,
            Wish(
                action=ACTION,
                alias=CHAMPION,
                expected_previous=row.registered_version,
                required=1,
                roles=policy.approvals.roles,
                expires=moment + OPEN_FOR,
                justification=reason,
            ),
            signer,
        )
        agree(workspace, session, request, signer, roles=policy.approvals.roles)
        entry = append(
            session,
            type=Event.UPDATE_REVOKED,
            actor=workspace.remember(session, person),
            subject=row.id,
            data={
                "registry": workspace.registry.id,
                "model": label(row.model),
                "version": row.registered_version,
                "update_digest": row.manifest_digest,
                "code": DECIDED,
                "request": request.id,
            },
        )
        revocations.revoke(
            session, update_digest=row.manifest_digest, update_id=row.id, code=DECIDED, seq=entry.seq, now=moment
        )
        updates.move(session, row.id, State.REVOKED, now=moment)
        close_request(session, requests.require(session, request.id), RequestState.DONE)
    return Revoked(update=update_id, live=live, published=publish(workspace, row.model, now=now))
