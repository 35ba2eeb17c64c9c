"""Verifiers refuse an old revocation list, so the reconciler keeps a new one where they look."""

from datetime import UTC, datetime

from people import approve, key_of

from audits.passport.revocations import read_revocations
from gatekeeper.core.errors import RegistryError
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.revoke import revoke

MODEL = "tiny"


def test_a_list_that_the_registry_did_not_take_is_published_in_the_next_round(
    workspace, registry, certified, second, policy, look
):
    def refuse(step):
        if step == "publish":
            raise RegistryError("read-only")

    registry.before = refuse
    revoked = revoke(workspace, certified.update_id, person="dana", policy=policy, key=key_of("dana"))
    assert not revoked.published
    failed = look()
    registry.before = lambda step: None
    seen = [look(minutes=minutes) for minutes in (1, 2)]

    assert failed.errors == ("The registry did not take the revocation list of tiny.",)
    assert [each.published for each in seen] == [(MODEL,), ()]
    kept = read_revocations(registry.published[MODEL], workspace.notary.trust, now=datetime.now(UTC))
    assert [each.code for each in kept.revoked] == ["decided"]


def test_the_list_is_signed_anew_every_day(registry, second, look):
    assert look(minutes=23 * 60).published == ()
    before = registry.published[MODEL]

    assert look(minutes=24 * 60 + 1).published == (MODEL,)
    assert registry.published[MODEL] != before


def test_an_older_list_that_was_put_in_its_place_is_replaced(workspace, registry, certified, propose, policy, look):
    old = registry.published[MODEL]
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    promote(workspace, checked.update_id, policy=policy)
    registry.published[MODEL] = old

    assert look().published == (MODEL,)
    assert registry.published[MODEL] != old
