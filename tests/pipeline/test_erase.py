"""Names and texts go for good; the record stays what it was, and nobody counts twice by coming back."""

import dataclasses
from datetime import UTC, datetime

import pytest
from people import PEOPLE, approve, key_of, person, reject
from pipeline_views import state_of
from quick_world import MODEL, agreed, proposed, quick_policy, quick_workspace
from registry import FakeRegistry

from audits.ledger.check import verify_entries
from audits.ledger.export import export_text, verify_export
from audits.passport.check import check_passport
from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.core.states import State
from gatekeeper.core.update import Provenance
from gatekeeper.pipeline.erase import erase_person, erase_text, erase_texts_about
from gatekeeper.pipeline.passports import checkpoint
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.revocations import signed_list
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.store import approvals, entries, people, texts, updates

BOTH = ("submitter", "approver")
CAST = {**PEOPLE, "zelda": person("zelda", *BOTH), "new": person("new", "approver")}


@pytest.fixture
def policy():
    return quick_policy()


@pytest.fixture
def registry(tmp_path):
    return FakeRegistry(root=tmp_path / "registry")


@pytest.fixture
def workspace(tmp_path, registry, policy):
    two = quick_policy(required=2)
    made = quick_workspace(tmp_path, registry, people=CAST, policies=(policy, two))
    yield made
    made.store.close()


@pytest.fixture
def live(workspace, policy, tmp_path):
    """A first champion."""
    update = agreed(workspace, tmp_path, policy, first=True)
    promote(workspace, update, policy=policy)
    return update


def without(workspace, *names):
    """The workspace whose people these are no longer."""
    left = {name: each for name, each in CAST.items() if name not in names}
    return dataclasses.replace(workspace, principals=left)


def forget(workspace, name):
    return erase_person(without(workspace, name), name, by="ada")


def pseudonym(workspace, name):
    with workspace.store.reading() as session:
        return workspace.pseudonym(session, name)


def comment(workspace, update):
    with workspace.store.reading() as session:
        return approvals.of_update(session, update)[0].comment_digest


def verified_export(workspace):
    """Export the ledger and check it as somebody with the trust file does."""
    trust = workspace.notary.trust
    size, note = checkpoint(workspace.store, workspace.notary)
    with workspace.store.reading() as session:
        text = export_text(session, size=size, note=note)
    checked = verify_export(text, origin=trust.origin, log_keys=trust.log_keys, witnesses=(), quorum=0)
    return checked.checkpoint.size


def whole(workspace):
    with workspace.store.reading() as session:
        return verify_entries(session).intact


def test_the_name_and_its_key_are_gone_and_the_record_is_whole(workspace, registry, live, policy):
    known_as = pseudonym(workspace, "dana")

    erased = forget(workspace, "dana")

    assert erased.subjects == (known_as,)
    assert pseudonym(workspace, "dana") is None
    with workspace.store.reading() as session:
        assert people.display_name(session, known_as) is None
        assert entries.find(session, erased.entries[0]).type == "text.erased"
        assert entries.first_by(session, known_as) is not None
    assert whole(workspace)
    assert verified_export(workspace) == erased.entries[0] + 1


def test_a_passport_from_before_still_verifies(workspace, registry, live, policy):
    with workspace.store.reading() as session:
        digest = updates.require(session, live).manifest_digest

    for name in ("zelda", "dana"):
        forget(workspace, name)

    passport = check_passport(
        registry.describe(MODEL, "1").tags["gatekeeper.passport.champion"],
        workspace.notary.trust,
        subject=digest,
        revocations=signed_list(workspace),
        now=datetime.now(UTC),
    )
    assert passport.approvals == 2


def test_no_byte_of_the_name_or_the_text_is_left_in_the_database(workspace, live, policy, tmp_path):
    name, secret = "Friederike Musterfrau", "she said it over coffee"
    cast = {**CAST, name: person(name, *BOTH)}
    inside = dataclasses.replace(workspace, principals=cast)
    checked = proposed(inside, tmp_path, policy, submitter=name, provenance=Provenance(trainer=name.upper()))
    reject(inside, checked.update_id, person="dana", policy=policy, comment=secret)

    erased = erase_person(workspace, name, by="ada")
    erase_texts_about(workspace, checked.update_id, by="ada")

    assert erased.trained == (checked.update_id,)
    left = b"".join(file.read_bytes() for file in tmp_path.glob("gatekeeper.db*"))
    assert name.encode() not in left
    assert name.upper().encode() not in left
    assert secret.encode() not in left


def test_a_text_goes_with_its_salt_and_its_digest_stays(workspace, live, policy, tmp_path):
    checked = proposed(workspace, tmp_path, policy)
    approve(workspace, checked.update_id, person="dana", policy=policy, comment="I looked at every row")
    digest = comment(workspace, checked.update_id)

    erase_text(workspace, digest, by="ada")

    with workspace.store.reading() as session:
        assert texts.find(session, digest) is None
        assert entries.latest(session, limit=1)[0].subject == checked.update_id
    assert comment(workspace, checked.update_id) == digest
    assert whole(workspace)
    promote(workspace, checked.update_id, policy=policy)
    with pytest.raises(UsageError, match="no text"):
        erase_text(workspace, digest, by="ada")


def test_a_person_who_can_still_act_is_not_erased(workspace, live):
    with pytest.raises(StateError, match="still among"):
        erase_person(workspace, " DANA ", by="ada")

    assert pseudonym(workspace, "dana") is not None


def test_nobody_is_erased_twice_or_by_a_stranger(workspace, live):
    forget(workspace, "dana")

    with pytest.raises(UsageError, match="Nobody called dana"):
        forget(workspace, "dana")
    with pytest.raises(UsageError, match="not among"):
        erase_person(without(workspace, "kim"), "kim", by="mallory")


def test_an_erased_proposer_cannot_come_back_and_approve(workspace, live, policy, tmp_path):
    checked = proposed(workspace, tmp_path, policy)
    former = pseudonym(workspace, "zelda")
    forget(workspace, "zelda")

    with pytest.raises(StateError, match="nothing tells zelda from them"):
        approve(workspace, checked.update_id, person="zelda", policy=policy)

    assert state_of(workspace, checked.update_id) is State.PENDING_APPROVAL
    proposed(workspace, tmp_path, policy)
    assert pseudonym(workspace, "zelda") not in (None, former)
    with pytest.raises(StateError, match="nothing tells zelda from them"):
        approve(workspace, checked.update_id, person="zelda", policy=policy)


def test_an_erased_approver_cannot_come_back_and_count_twice(workspace, live, tmp_path):
    two = quick_policy(required=2)
    checked = proposed(workspace, tmp_path, two)
    approve(workspace, checked.update_id, person="dana", policy=two)
    forget(workspace, "dana")

    with pytest.raises(StateError, match="nothing tells dana from them"):
        approve(workspace, checked.update_id, person="dana", policy=two)

    assert approve(workspace, checked.update_id, person="kim", policy=two).state is State.APPROVED
    with pytest.raises(StateError, match="1 of 2 approvals that count"):
        promote(without(workspace, "dana"), checked.update_id, policy=two)


def test_an_erased_trainer_cannot_come_back_and_approve(workspace, live, policy, tmp_path):
    proposed(workspace, tmp_path, policy, submitter="zelda")
    approve(workspace, proposed(workspace, tmp_path, policy).update_id, person="dana", policy=policy)
    checked = proposed(workspace, tmp_path, policy, provenance=Provenance(trainer="Dana"))
    forget(workspace, "dana")

    with pytest.raises(StateError, match="nothing tells dana from them"):
        approve(workspace, checked.update_id, person="dana", policy=policy)


def test_an_erased_proposer_cannot_come_back_and_go_back_to_their_own(workspace, live, policy, tmp_path):
    promote(workspace, agreed(workspace, tmp_path, policy), policy=policy)
    forget(workspace, "zelda")

    with pytest.raises(StateError, match="nothing tells zelda from them"):
        rollback(workspace, MODEL, person="zelda", policy=policy, key=key_of("zelda"))

    assert rollback(workspace, MODEL, person="kim", policy=policy, key=key_of("kim")).version == "1"


def test_somebody_who_acted_before_the_erasure_decides_and_a_newcomer_does_not(workspace, live, policy, tmp_path):
    checked = proposed(workspace, tmp_path, policy)
    forget(workspace, "zelda")

    with pytest.raises(StateError, match="nothing tells new from them"):
        approve(workspace, checked.update_id, person="new", policy=policy)
    approve(workspace, checked.update_id, person="kim", policy=policy)
    promote(workspace, checked.update_id, policy=policy)

    fresh = proposed(workspace, tmp_path, policy)
    approve(workspace, fresh.update_id, person="new", policy=policy)
    assert state_of(workspace, fresh.update_id) is State.APPROVED


def test_a_newcomer_may_refuse_what_somebody_erased_proposed(workspace, live, policy, tmp_path):
    checked = proposed(workspace, tmp_path, policy)
    forget(workspace, "zelda")

    reject(workspace, checked.update_id, person="new", policy=policy)

    assert state_of(workspace, checked.update_id) is State.REJECTED


def test_a_row_removed_without_an_entry_tells_nobody_apart(workspace, live, policy, tmp_path):
    checked = proposed(workspace, tmp_path, policy)
    with workspace.store.transaction() as session:
        people.erase(session, workspace.pseudonym(session, "zelda"))

    with pytest.raises(StateError, match="nothing tells kim from them"):
        approve(workspace, checked.update_id, person="kim", policy=policy)
