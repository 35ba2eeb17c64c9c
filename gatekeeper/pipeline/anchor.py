"""Move the anchor, the version that cumulative drift is measured against: two people, and a passport of its own.

The order is that of every request: somebody asks and signs, others agree, ``promote`` moves. The champion stays where
it is. What may become the anchor was admitted and live; earlier anchors stay in the ledger and in every drift report.
"""

from datetime import UTC, datetime, timedelta

from gatekeeper.core.errors import StateError
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome
from gatekeeper.pipeline.break_glass import Asked
from gatekeeper.pipeline.principal import ANCHOR
from gatekeeper.pipeline.requests import Signer, Wish, agree, open_request
from gatekeeper.pipeline.signatures import SigningKey
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import updates
from gatekeeper.store.tables import PromotionKind
from policies.policy import Policy


def move_anchor(
    workspace: Workspace,
    update_id: str,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    reason: str = "",
    now: datetime | None = None,
) -> Asked:
    """Ask to make an update the anchor, and sign for it.

    Raises:
        StateError: it was never live or admitted, it is the anchor already, or this person may not decide.
        RegistryError: the registry cannot be reached.
    """
    moment = now or datetime.now(UTC)
    signer = Signer(person=person, key=key, policy=policy, moment=moment)
    with workspace.store.reading() as session:
        model = updates.require(session, update_id).model
    present = workspace.registry.alias_version(model, ANCHOR)
    with workspace.store.transaction() as session:
        row = updates.require(session, update_id)
        if row.state not in (State.ACTIVE, State.SUPERSEDED):
            raise StateError(f"Update {update_id} is {row.state}: only what was live can be the anchor.")
        _run, verdict, _binding = binding_of(session, row)
        if verdict.outcome is Outcome.BLOCK:
            raise StateError(f"Update {update_id} was blocked: it cannot be what others are measured against.")
        if row.registered_version == present:
            raise StateError(f"Update {update_id} is the anchor already.")
        request = open_request(
            workspace,
            session,
            row,
            Wish(
                action=PromotionKind.ANCHOR.value,
                alias=ANCHOR,
                expected_previous=present,
                required=policy.approvals.needed(two_person=True),
                roles=policy.approvals.roles,
                expires=moment + timedelta(hours=policy.approvals.expires_hours),
                justification=reason,
            ),
            signer,
        )
        given = agree(workspace, session, request, signer, roles=policy.approvals.roles)
        return Asked(
            request=request.id,
            given=given,
            required=request.required,
            expires=request.expires,
            valid_until=None,
        )
