"""Do the protected aliases point to where the last observed promotions left them?"""

from datetime import datetime

from gatekeeper.pipeline.drift import OF_ALIASES, Changes, Drift, clear_all, found, open_drifts, promoted_to
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import models
from gatekeeper.store.drifts import ClearedBy
from gatekeeper.store.tables import DriftKind


def watch_aliases(workspace: Workspace, model: str, *, moment: datetime) -> Changes:
    """Compare every protected alias of a model with its last observed promotion, and write down what changed.

    A move of ours that is under way is no drift, and says nothing about one that lasts. An alias that nobody ever
    promoted is one when it exists.

    Raises:
        RegistryError: the registry could not be asked; nothing is written down or cleared for the aliases after it.
    """
    with workspace.store.reading() as session:
        known = {
            alias: promoted_to(workspace, session, model, alias) for alias in models.protected_aliases(session, model)
        }
    changes = Changes()
    for alias, (busy, last) in known.items():
        if busy:
            continue
        promoted = None if last is None else last.version
        present = workspace.registry.alias_version(model, alias)
        seen = None
        if present != promoted:
            kind = DriftKind.ALIAS_MISSING if present is None else DriftKind.ALIAS_MOVED
            seen = Drift(kind=kind, model=model, alias=alias, version=promoted, observed=present)
        changes += _settle(workspace, model, alias, seen, moment)
    return changes


def _settle(workspace: Workspace, model: str, alias: str, seen: Drift | None, moment: datetime) -> Changes:
    lasting = [
        each for each in open_drifts(workspace, model) if each.drift.kind in OF_ALIASES and each.drift.alias == alias
    ]
    new = None
    if seen is not None and seen not in [each.drift for each in lasting]:
        new = found(workspace, seen, moment=moment)
    over = [each for each in lasting if each.drift != seen]
    return Changes(
        found=() if new is None else (new,),
        cleared=clear_all(workspace, over, by=ClearedBy.GONE, moment=moment),
    )
