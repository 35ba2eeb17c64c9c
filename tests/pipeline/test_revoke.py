"""Revoked bytes are refused wherever they are, and the live ones go back first."""

from datetime import UTC, datetime, timedelta

import pytest
from people import key_of

from audits.passport.check import Where, check_passport
from audits.passport.revocations import read_revocations
from gatekeeper.core.errors import StateError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.pipeline.revoke import revoke
from gatekeeper.store import updates

MODEL = "tiny"


def state(workspace, checked):
    with workspace.store.reading() as session:
        return updates.require(session, checked.update_id).state


def take_away(workspace, checked, policy):
    return revoke(workspace, checked.update_id, person="dana", policy=policy, key=key_of("dana"))


def passport_of(workspace, registry, checked, version):
    """Check the version's passport as a verifier does."""
    return check_passport(
        registry.describe(MODEL, version).tags["gatekeeper.passport.champion"],
        workspace.notary.trust,
        subject=checked.update.digest,
        revocations=registry.revocations(MODEL),
        now=datetime.now(UTC),
    )


def test_the_live_update_goes_back_first_and_is_refused_after(workspace, certified, second, policy, registry):
    assert passport_of(workspace, registry, second, "2").binding.version == "2"

    revoked = take_away(workspace, second, policy)

    assert (revoked.live, revoked.published) == ("1", True)
    assert registry.aliases[MODEL]["champion"] == "1"
    assert (state(workspace, certified), state(workspace, second)) == (State.ACTIVE, State.REVOKED)
    with pytest.raises(VerificationError, match="revocation"):
        passport_of(workspace, registry, second, "2")
    assert passport_of(workspace, registry, certified, "1").binding.kind == "rollback"


def test_a_superseded_update_is_revoked_where_it_lies(workspace, certified, second, policy, registry):
    revoked = take_away(workspace, certified, policy)

    assert revoked.live is None
    assert registry.aliases[MODEL]["champion"] == "2"
    with pytest.raises(VerificationError, match="revocation"):
        passport_of(workspace, registry, certified, "1")


def test_the_only_champion_cannot_be_revoked(workspace, certified, policy, registry):
    with pytest.raises(StateError, match="no admitted version before"):
        take_away(workspace, certified, policy)

    assert state(workspace, certified) is State.ACTIVE


def test_what_was_never_live_has_nothing_to_revoke(workspace, certified, propose, policy):
    with pytest.raises(StateError, match="no passport"):
        take_away(workspace, propose("misaligned"), policy)


def test_a_former_version_no_longer_passes_for_the_alias(workspace, certified, second, registry):
    passport = registry.describe(MODEL, "1").tags["gatekeeper.passport.champion"]
    where = Where(registry=registry.id, model=MODEL, version="1", alias="champion")

    with pytest.raises(VerificationError):
        check_passport(
            passport,
            workspace.notary.trust,
            subject=certified.update.digest,
            revocations=registry.revocations(MODEL),
            now=datetime.now(UTC),
            where=where,
        )


def test_an_old_list_is_refused(workspace, certified, registry):
    later = datetime.now(UTC) + timedelta(hours=workspace.notary.trust.revocation_hours + 1)

    with pytest.raises(VerificationError, match="too old"):
        read_revocations(registry.revocations(MODEL), workspace.notary.trust, now=later)
