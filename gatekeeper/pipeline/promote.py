"""Fifth stage: make an approved update the champion.

Policy, time, champion and anchor are checked again (:mod:`gatekeeper.pipeline.standing`); the approvals are counted
again in the transaction that writes the intent; the rest is the saga of :mod:`gatekeeper.pipeline.moves`.
"""

from datetime import UTC, datetime

from gatekeeper.core.errors import PromotionConflict, StateError
from gatekeeper.core.spans import during
from gatekeeper.core.states import State
from gatekeeper.pipeline.granted import carry_out_granted, granted
from gatekeeper.pipeline.moves import Promoted, carry_out, intend
from gatekeeper.pipeline.principal import ANCHOR, CHAMPION
from gatekeeper.pipeline.standing import require_agreed, require_current
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, updates
from gatekeeper.store.tables import PromotionKind, PromotionRow
from policies.policy import Policy


@during("promote")
def promote(workspace: Workspace, update_id: str, *, policy: Policy, now: datetime | None = None) -> Promoted:
    """Make an approved update the champion; a certified first one becomes the anchor too.

    Where people agreed to a request about it instead (:mod:`gatekeeper.pipeline.granted`), that is carried out.

    Raises:
        StateError: it is not approved, or its approvals expired or bind something else.
        PromotionConflict: the champion is no longer the one the evidence compared with; the update becomes STALE.
        VerificationError: the registered bytes are not the approved ones.
        RegistryError: the registry cannot be reached; the promotion can be repeated.
    """
    with turn(workspace.lock_file) as mine:
        if not mine:
            raise PromotionConflict("Another promotion is going on here.", hint="Wait for it to end, then repeat.")
        with workspace.store.reading() as session:
            state = updates.require(session, update_id).state
        if (request := granted(workspace, update_id)) is not None:
            return carry_out_granted(workspace, request, policy=policy, now=now)
        if state not in (State.APPROVED, State.PROMOTION_FAILED):
            hint = f"Somebody approves it first: gatekeeper approve {update_id} --as NAME."
            if state is State.ACTIVE:
                hint = "It is live already."
            raise StateError(
                f"Update {update_id} is {state}, not approved.",
                hint=hint if state in (State.PENDING_APPROVAL, State.ACTIVE) else "See `gatekeeper status`.",
            )
        require_current(workspace, update_id, policy=policy, moment=now or datetime.now(UTC))
        return carry_out(workspace, _intend(workspace, update_id, policy, now))


@during("promote.intend")
def _intend(workspace: Workspace, update_id: str, policy: Policy, now: datetime | None) -> list[PromotionRow]:
    with workspace.store.transaction() as session:
        moment = now or datetime.now(UTC)  # the registry may have kept us waiting
        row = updates.require(session, update_id)
        binding = require_agreed(workspace, session, row, policy, moment)
        first = row.champion_version is None
        last = promotions.last_observed(session, registry_id=workspace.registry.id, model=row.model, alias=CHAMPION)
        if (last.version if last else None) != row.champion_version:
            raise PromotionConflict(
                f"Somebody else promoted {row.model} meanwhile: version {last.version if last else 'none'} is live.",
                hint="Propose the update again, so that it is compared with what is live.",
            )
        updates.move(session, update_id, State.PROMOTING, now=moment)
        return [
            intend(
                workspace,
                session,
                row,
                kind=PromotionKind.CERTIFY if first else PromotionKind.PROMOTE,
                alias=alias,
                expected_previous=row.champion_version,
                binding=binding,
                moment=moment,
            )
            for alias in ((CHAMPION, ANCHOR) if first else (CHAMPION,))
        ]
