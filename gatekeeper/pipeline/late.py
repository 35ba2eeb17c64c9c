"""Moves that were given up and that the registry made after all.

A call that nobody answered may still be carried out, seconds after its caller has read the alias, found it unmoved
and written FAILED. Its intent and its passport were written before, so such a move is reopened and observed, when the
alias follows what was last observed, the bytes behind it are the approved ones and the update may still go live. Any
other move behind the gate's back is nobody's here.
"""

from gatekeeper.core.errors import VerificationError
from gatekeeper.core.states import MOVES, State
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.references import require_approved_bytes
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, updates
from gatekeeper.store.tables import PromotionKind, PromotionRow


def changes_state(intent: PromotionRow) -> bool:
    """Return whether a move makes its update the live one; moving the anchor, or reviewing, does not."""
    return intent.alias == CHAMPION and intent.kind is not PromotionKind.REVIEW


def reopen_late(workspace: Workspace) -> list[PromotionRow]:
    """Reopen the given-up moves that the registry shows as made, and what was intended together with them.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    with workspace.store.reading() as session:
        given_up = promotions.given_up(session, registry_id=workspace.registry.id)
    reopened: list[PromotionRow] = []
    places: dict[tuple[str, str], str | None] = {}
    for attempt in given_up:
        if attempt.kind is PromotionKind.REVIEW:  # it moves nothing, so nothing can arrive late
            continue
        place = (attempt.model, attempt.alias)
        if place not in places:
            places[place] = workspace.registry.alias_version(*place)
        if places[place] == attempt.version and _adoptable(workspace, attempt):
            places[place] = None  # the newest attempt stands for the older ones
            reopened += _reopen(workspace, attempt, given_up)
    return reopened


def _adoptable(workspace: Workspace, attempt: PromotionRow) -> bool:
    with workspace.store.reading() as session:
        last = promotions.last_observed(
            session, registry_id=attempt.registry_id, model=attempt.model, alias=attempt.alias
        )
        state = updates.require(session, attempt.update_id).state
    if (last.version if last else None) != attempt.expected_previous:
        return False
    if changes_state(attempt) and State.PROMOTING not in MOVES[state]:
        return False
    try:
        require_approved_bytes(workspace, attempt)
    except VerificationError:
        return False
    return True


def _reopen(workspace: Workspace, attempt: PromotionRow, given_up: list[PromotionRow]) -> list[PromotionRow]:
    """Reopen a champion's move with the anchor's that was intended beside it; any other alone."""
    together = [
        each
        for each in given_up
        if each is attempt
        or (
            attempt.alias == CHAMPION
            and (each.update_id, each.kind, each.started) == (attempt.update_id, attempt.kind, attempt.started)
        )
    ]
    with workspace.store.transaction() as session:
        rows = [promotions.reopen(session, each.id) for each in together]
        if changes_state(attempt):
            updates.move(session, attempt.update_id, State.PROMOTING)
    return rows
