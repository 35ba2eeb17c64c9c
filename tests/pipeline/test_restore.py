"""An alias goes back to what was promoted, or stays where it is and says why."""

import dataclasses

import pytest
from drift_views import forge, leaves, stored

from gatekeeper.core.errors import RegistryError
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.verify import verify_alias
from gatekeeper.store import revocations, updates

MODEL = "tiny"


def test_a_policy_that_does_not_say_so_puts_nothing_back(registry, second, look):
    registry.aliases[MODEL]["champion"] = "1"

    seen = look()

    assert (seen.restored, registry.aliases[MODEL]["champion"]) == ((), "1")


@pytest.mark.parametrize("to", [pytest.param("1", id="moved"), pytest.param(None, id="gone")])
def test_the_alias_is_put_back_where_the_policy_says_so(workspace, registry, second, look, to):
    registry.aliases[MODEL].pop("champion")
    registry.aliases[MODEL] |= {"champion": to} if to else {}

    seen = look(restoring=True)

    assert registry.aliases[MODEL]["champion"] == "2"
    assert (len(seen.restored), seen.lasting, seen.refused) == (1, (), {})
    assert verify_alias(workspace, MODEL, "champion").version == "2"
    cleared = leaves(workspace, "drift.cleared")
    assert [(leaf["subject"], leaf["data"]) for leaf in cleared] == [(seen.restored[0].id, {"by": "restored"})]


def test_a_passport_that_was_taken_off_is_attached_again_before_the_alias_goes_back(registry, second, look):
    tag = "gatekeeper.passport.champion"
    (one, two) = registry.versions[MODEL]
    passport = two.tags[tag]
    registry.versions[MODEL] = [one, dataclasses.replace(two, tags={**two.tags, tag: "{}"})]
    registry.aliases[MODEL]["champion"] = "1"

    look(restoring=True)

    assert registry.describe(MODEL, "2").tags[tag] == passport
    assert registry.aliases[MODEL]["champion"] == "2"


def test_changed_bytes_are_never_put_back(workspace, registry, second, look):
    look()
    forge(stored(registry, 2))
    registry.aliases[MODEL]["champion"] = "1"

    seen = look(minutes=1, restoring=True)

    assert registry.aliases[MODEL]["champion"] == "1"
    assert [refusal.reason for refusal in seen.refused.values()] == [
        "Version 2 of tiny does not hold the promoted bytes any more: the alias is not put back to it."
    ]
    assert leaves(workspace, "drift.cleared") == []


def test_a_deleted_version_is_never_put_back(registry, second, look):
    registry.versions[MODEL] = registry.versions[MODEL][:1]
    registry.aliases[MODEL]["champion"] = "1"

    seen = look(restoring=True)

    assert registry.aliases[MODEL]["champion"] == "1"
    assert "was deleted" in next(iter(seen.refused.values())).reason


def test_a_revoked_version_is_never_put_back(workspace, registry, second, look):
    with workspace.store.transaction() as session:
        row = updates.require(session, second.update_id)
        revocations.revoke(session, update_digest=row.manifest_digest, update_id=row.id, code="decided", seq=1)
    registry.aliases[MODEL]["champion"] = "1"

    seen = look(restoring=True)

    assert registry.aliases[MODEL]["champion"] == "1"
    assert "is revoked" in next(iter(seen.refused.values())).reason


def test_a_registry_that_refuses_is_quoted_and_asked_again_later(registry, second, look):
    tries = []

    def refuse(step):
        if step == "set":
            tries.append(step)
            raise RegistryError("The model registry could not point tiny@champion to version 2: PERMISSION_DENIED.")

    registry.before = refuse
    registry.aliases[MODEL]["champion"] = "1"

    first = look(restoring=True)
    soon = look(minutes=1, restoring=True, earlier=first)
    later = look(minutes=11, restoring=True, earlier=soon)

    assert len(tries) == 2
    assert all("PERMISSION_DENIED" in each.refused[each.lasting[0].id].reason for each in (first, soon, later))


def test_an_alias_that_moves_again_before_it_is_put_back_stays(registry, second, propose, look):
    propose("champion", data=None)
    registry.aliases[MODEL]["champion"] = "1"

    def again(step):
        if step == "describe":
            registry.aliases[MODEL]["champion"] = "3"

    registry.before = again
    seen = look(restoring=True)

    assert registry.aliases[MODEL]["champion"] == "3"
    assert len(seen.refused) == 1


def test_nothing_is_put_back_while_a_promotion_is_going_on_here(workspace, registry, second, look):
    registry.aliases[MODEL]["champion"] = "1"

    with turn(workspace.lock_file):
        seen = look(restoring=True)

    assert registry.aliases[MODEL]["champion"] == "1"
    assert "going on" in next(iter(seen.refused.values())).reason
