"""Put an alias back that was moved behind the gate's back: to the last observed promotion, or not at all.

Nothing new is admitted here. The version must still exist, hold the promoted bytes and be covered, now, by the very
passport that was issued for that promotion; the alias must still be where it was found.
"""

from datetime import datetime
from pathlib import Path

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import PromotionConflict, StateError, VerificationError
from gatekeeper.pipeline.drift import OpenDrift, cleared, promoted_to
from gatekeeper.pipeline.passports import require_acceptable
from gatekeeper.pipeline.references import stored_digest
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.registry.port import PASSPORT_TAG
from gatekeeper.store import revocations, updates
from gatekeeper.store.drifts import ClearedBy
from gatekeeper.store.tables import PromotionRow


def restore(workspace: Workspace, lasting: OpenDrift, *, moment: datetime) -> None:
    """Put the alias of a drift back, and write down that we did.

    Raises:
        StateError: nothing was promoted to go back to, or what was is revoked or without a passport.
        VerificationError: its bytes or its passport no longer count.
        PromotionConflict: a promotion is going on, or the alias moved again.
        RegistryError: the registry cannot be asked, or refuses.
    """
    with turn(workspace.lock_file) as mine:
        if not mine:
            raise PromotionConflict("A promotion is going on here.", hint="The next round looks again.")
        last = _promotion(workspace, lasting)
        _require_promoted_bytes(workspace, last, moment)
        described = workspace.registry.describe(last.model, last.version)
        if described.tags.get(PASSPORT_TAG + last.alias) != last.passport:
            workspace.registry.attach_passport(last.model, last.version, last.alias, str(last.passport))
        workspace.registry.move_alias(last.model, last.alias, last.version, expected_previous=lasting.drift.observed)
        cleared(workspace, lasting, by=ClearedBy.RESTORED, moment=moment)


def _promotion(workspace: Workspace, lasting: OpenDrift) -> PromotionRow:
    """Return the promotion that the alias goes back to."""
    drift = lasting.drift
    with workspace.store.reading() as session:
        busy, last = promoted_to(workspace, session, drift.model, str(drift.alias))
    if busy or (last is not None and last.version != drift.version):
        raise PromotionConflict(
            f"{drift.model}@{drift.alias} was promoted meanwhile.", hint="The next round looks again."
        )
    if last is None:
        raise StateError(
            f"Nothing was ever promoted to {drift.model}@{drift.alias}: there is nothing to go back to.",
            hint="Remove the alias, or certify a first champion.",
        )
    if last.passport is None:
        raise StateError(
            f"The promotion of version {last.version} of {drift.model} is older than passports.",
            hint="Put the alias back by hand.",
        )
    return last


def _require_promoted_bytes(workspace: Workspace, last: PromotionRow, moment: datetime) -> None:
    """Return when the version still is what was promoted, and its passport would be accepted by every verifier."""
    with workspace.store.reading() as session:
        row = updates.require(session, last.update_id)
        revoked = revocations.find(session, row.manifest_digest)
    promoted = Digest(row.manifest_digest)
    if revoked is not None:
        raise StateError(
            f"Version {last.version} of {last.model} is revoked: the alias is not put back to it.",
            hint="Propose another version.",
        )
    require_acceptable(workspace, str(last.passport), promoted, moment)
    if not workspace.registry.has_version(last.model, last.version):
        raise VerificationError(f"Version {last.version} of {last.model} was deleted: the alias cannot go back to it.")
    base = None if row.base_path is None else Path(row.base_path)
    if stored_digest(workspace, last.model, last.version, base) != promoted:
        raise VerificationError(
            f"Version {last.version} of {last.model} does not hold the promoted bytes any more: "
            "the alias is not put back to it.",
            hint="Restore the stored files from a copy.",
        )
