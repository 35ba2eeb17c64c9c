"""Go back to the version that was admitted before: one command, one signature, a passport of its own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from gatekeeper.core.errors import PromotionConflict, StateError
from gatekeeper.core.spans import during
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome
from gatekeeper.pipeline.moves import Promoted, carry_out, intend
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.requests import Signer, Wish, agree, open_request
from gatekeeper.pipeline.signatures import SigningKey
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, updates
from gatekeeper.store.tables import PromotionKind, PromotionRow, UpdateRow
from policies.policy import Policy

ACTION = "rollback"
OPEN_FOR = timedelta(hours=1)


@during("rollback")
def rollback(
    workspace: Workspace,
    model: str,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    reason: str = "",
    now: datetime | None = None,
) -> Promoted:
    """Point the champion back to the version that was admitted before the live one.

    The rules are those of a promotion: the version was admitted and approved, its bytes are hashed again, the alias
    must be where the last promotion left it, and a person who may approve signs. The live update becomes ROLLED_BACK.

    Raises:
        StateError: there is nothing to go back to, or this person may not decide.
        PromotionConflict: another promotion is going on, or the alias was moved behind our back.
        VerificationError: the stored bytes are not the admitted ones.
    """
    with turn(workspace.lock_file) as mine:
        if not mine:
            raise PromotionConflict("Another promotion is going on here.", hint="Wait for it to end, then repeat.")
        present = workspace.registry.alias_version(model, CHAMPION)
        moment = now or datetime.now(UTC)
        signer = Signer(person=person, key=key, policy=policy, moment=moment)
        with workspace.store.transaction() as session:
            history = promotions.history(session, registry_id=workspace.registry.id, model=model, alias=CHAMPION)
            last = history[0] if history else None
            if last is None or last.version != present:
                raise PromotionConflict(
                    f"{model}@{CHAMPION} is version {present or 'none'}; the last promotion left it at "
                    f"{last.version if last else 'none'}.",
                    hint="Somebody moved the alias by hand: gatekeeper reconcile says more.",
                )
            target = former(session, model, history)
            _run, _verdict, binding = binding_of(session, target)
            request = open_request(
                workspace,
                session,
                target,
                Wish(
                    action=ACTION,
                    alias=CHAMPION,
                    expected_previous=present,
                    required=1,
                    roles=policy.approvals.roles,
                    expires=moment + OPEN_FOR,
                    justification=reason,
                ),
                signer,
            )
            agree(workspace, session, request, signer, roles=policy.approvals.roles)
            updates.move(session, target.id, State.PROMOTING, now=moment)
            intent = intend(
                workspace,
                session,
                target,
                kind=PromotionKind.ROLLBACK,
                alias=CHAMPION,
                expected_previous=present,
                binding=binding,
                moment=moment,
                request_id=request.id,
            )
        return carry_out(workspace, [intent])


def former(session: Session, model: str, history: Sequence[PromotionRow]) -> UpdateRow:
    """Return the newest update that was live before the live one, was admitted, and may be live again.

    Args:
        session: reads the updates.
        model: whose.
        history: every move of the alias, newest first; not empty.

    Raises:
        StateError: there is none.
    """
    superseded = updates.in_state(session, State.SUPERSEDED, model=model)
    version = history[0].version
    for move in history:
        if move.version != version or move.kind is PromotionKind.ROLLBACK:
            continue
        version = str(move.expected_previous)
        found = [row for row in superseded if row.registered_version == version]
        if found and binding_of(session, found[-1])[1].outcome is not Outcome.BLOCK:
            return found[-1]
    raise StateError(
        f"There is no admitted version before {history[0].version} to go back to.",
        hint="Propose the version you want as an update: gatekeeper check.",
    )
