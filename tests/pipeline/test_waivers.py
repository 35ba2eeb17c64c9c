"""A finding that people accept until a date: by whom, what becomes of approvals, and when it ends."""

import dataclasses
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from gallery_world import WAIVERS, gallery
from people import PEOPLE, approve, key_of, person, trusting
from pipeline_views import events_of, state_of
from sqlalchemy import update as change

from audits.passport.check import check_passport
from gatekeeper.core.errors import NotEntitled, StateError, UsageError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome
from gatekeeper.pipeline.erase import erase_person
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.replay import replay
from gatekeeper.pipeline.revocations import signed_list
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.waivers.give import waive
from gatekeeper.store import approvals, entries, promotions, updates
from gatekeeper.store.tables import WaiverRow

ROWS = "data/private/rows"
KNOWLEDGE = "behaviour/regression/knowledge"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A gallery whose policy lets administrators accept."""
    made = gallery(tmp_path_factory.mktemp("waivers"), WAIVERS)
    made.live()
    yield made
    made.workspace.store.close()


@pytest.fixture
def review(world):
    """An update that waits with a REVIEW."""
    return world.update("private rows", private=[["row-3", "holds an address"]])


def give(world, update, who="ada", code=ROWS, *, workspace=None, **more):
    return waive(
        workspace or world.workspace,
        update,
        code,
        person=who,
        policy=world.policy,
        key=key_of(who),
        because=more.pop("because", "It is our own address."),
        **more,
    )


def verdict_of(world, update):
    with world.workspace.store.reading() as session:
        return binding_of(session, updates.require(session, update))


def test_the_verdict_is_decided_anew_once_enough_people_accepted(world, review):
    before = verdict_of(world, review)

    first = give(world, review)
    between = verdict_of(world, review)
    second = give(world, review, "abe")

    run, verdict, binding = verdict_of(world, review)
    assert (first.given, first.required, first.run) == (1, 2, before[0].id)
    assert between[2] == before[2]
    assert (second.given, second.state, second.run) == (2, State.PENDING_APPROVAL, run.id)
    assert (before[1].outcome, verdict.outcome) == (Outcome.REVIEW, Outcome.ADMIT)
    assert binding.evidence_digest != before[2].evidence_digest
    assert len(verdict.waived[0].ids) == 2
    assert events_of(world.workspace, review)[-4:] == [
        "waiver.given",
        "waiver.given",
        "waivers.counted",
        "verdict.decided",
    ]


def test_approvals_given_before_count_no_more(world, review):
    give(world, review)
    with world.workspace.store.reading() as session:
        run, _verdict, binding = binding_of(session, updates.require(session, review))
    etag, seen = world.dana.seen(review)
    (decision,) = world.dana.get(f"/v1/updates/{review}/to-sign", params={"action": "approve"}).json()["decisions"]
    give(world, review, "abe")

    body = {"envelope": world.dana.sign(decision), "seen": seen}
    late = world.dana.post(f"/v1/updates/{review}/approve", body, etag=etag)
    fresh = world.dana.post(f"/v1/updates/{review}/approve", body, etag=world.dana.seen(review)[0])

    assert (late.status_code, fresh.status_code) == (412, 409)
    with world.workspace.store.reading() as session:
        assert approvals.standing(session, run.id, binding=binding) == []
    assert state_of(world.workspace, review) is State.PENDING_APPROVAL


def test_what_was_accepted_can_be_promoted_and_the_passport_says_so(world, review):
    give(world, review)
    give(world, review, "abe")
    approve(world.workspace, review, person="dana", policy=world.policy)
    promoted = promote(world.workspace, review, policy=world.policy)

    with world.workspace.store.reading() as session:
        (move,) = promotions.of_update(session, review)
        digest = updates.require(session, review).manifest_digest
    now = datetime.now(UTC)
    checked = check_passport(
        move.passport,
        world.workspace.notary.trust,
        subject=digest,
        revocations=signed_list(world.workspace, now=now),
        now=now,
    )

    assert promoted.version
    assert any(ROWS in note and "accepted until" in note for note in checked.notes)
    assert replay(world.workspace, review).same


def test_a_passport_whose_waivers_are_missing_is_refused(world, review):
    give(world, review)
    give(world, review, "abe")
    approve(world.workspace, review, person="dana", policy=world.policy)
    promote(world.workspace, review, policy=world.policy)
    with world.workspace.store.reading() as session:
        (move,) = promotions.of_update(session, review)
        digest = updates.require(session, review).manifest_digest
        given = [each.seq for each in entries.of_subject(session, review) if each.type == "waiver.given"]
        counted = [each.seq for each in entries.of_subject(session, review) if each.type == "waivers.counted"]
    now = datetime.now(UTC)

    for gone in ([given[0]], given, counted, [*given, *counted]):
        bundle = json.loads(move.passport)
        bundle["leaves"] = [leaf for leaf in bundle["leaves"] if leaf["seq"] not in gone]
        text = json.dumps(bundle, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        with pytest.raises(VerificationError, match="waivers:"):
            check_passport(
                text,
                world.workspace.notary.trust,
                subject=digest,
                revocations=signed_list(world.workspace, now=now),
                now=now,
            )


@pytest.mark.parametrize(
    ("who", "says"),
    [
        pytest.param("dana", "none of the roles", id="wrong-role"),
        pytest.param("zelda", "none of the roles", id="proposer-without-the-role"),
        pytest.param("ada", "already accepted", id="twice"),
    ],
)
def test_somebody_who_may_not_accepts_nothing(world, review, who, says):
    give(world, review)
    before = events_of(world.workspace, review)

    with pytest.raises(NotEntitled, match=says):
        give(world, review, who)

    assert events_of(world.workspace, review) == before


def test_a_proposer_does_not_accept_what_was_found_in_their_own(world, review):
    people = {**PEOPLE, "zelda": person("zelda", "submitter", "admin")}
    opened = dataclasses.replace(world.workspace, principals=people)

    with pytest.raises(NotEntitled, match="proposed this update"):
        give(world, review, "zelda", workspace=opened)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        pytest.param({"because": "  "}, UsageError, id="no-reason"),
        pytest.param({"days": 8}, UsageError, id="too-long"),
        pytest.param({"days": 0}, UsageError, id="no-time"),
        pytest.param({"days": float("nan")}, UsageError, id="nan"),
        pytest.param({"code": "artifact/format/some"}, StateError, id="not-in-the-policy"),
        pytest.param({"code": KNOWLEDGE}, StateError, id="nothing-to-accept"),
        pytest.param({"code": "data/private/unmeasured"}, StateError, id="whole-gate"),
    ],
)
def test_what_cannot_be_accepted_is_refused(world, review, more, error):
    before = events_of(world.workspace, review)

    with pytest.raises(error):
        give(world, review, **more)

    assert events_of(world.workspace, review) == before


def test_what_blocks_cannot_be_accepted(world):
    update = world.update("forgetful", knowledge=-0.2)

    with pytest.raises(StateError, match="BLOCKED"):
        give(world, update, code=KNOWLEDGE)

    assert state_of(world.workspace, update) is State.BLOCKED


def test_two_findings_are_accepted_one_after_the_other(world):
    update = world.update("both", knowledge=-0.04, private=[["row-3", "holds an address"]])

    give(world, update, code=KNOWLEDGE)
    give(world, update)
    give(world, update, "abe")

    verdict = verdict_of(world, update)[1]
    assert [each.code for each in verdict.waived] == [KNOWLEDGE, ROWS]
    assert verdict.outcome is Outcome.ADMIT
    assert replay(world.workspace, update).same


def test_deciding_anew_gains_no_time(world, review):
    before = world.ola.get(f"/v1/updates/{review}").json()["approvals"]["expires"]

    give(world, review)
    give(world, review, "abe")

    assert world.ola.get(f"/v1/updates/{review}").json()["approvals"]["expires"] == before


def test_an_expired_waiver_keeps_an_approved_update_from_being_promoted(world, review):
    give(world, review, days=0.5)
    give(world, review, "abe", days=2)
    approve(world.workspace, review, person="dana", policy=world.policy)

    with pytest.raises(StateError, match="counted until"):
        promote(world.workspace, review, policy=world.policy, now=datetime.now(UTC) + timedelta(hours=13))

    assert state_of(world.workspace, review) is State.STALE
    assert events_of(world.workspace, review)[-1] == "update.stale"


@pytest.mark.parametrize("gone", ["role", "person", "row"])
def test_inside_the_promotion_a_waiver_counts_only_while_its_person_does(world, review, gone):
    give(world, review)
    second = give(world, review, "abe")
    approve(world.workspace, review, person="dana", policy=world.policy)
    people = dict(PEOPLE)
    if gone == "role":
        people["abe"] = person("abe", "auditor")
    elif gone == "person":
        del people["abe"]
    else:
        with world.workspace.store.transaction() as session:
            later = datetime.now(UTC) + timedelta(days=30)
            session.execute(change(WaiverRow).where(WaiverRow.id == second.waiver).values(expires=later))

    with pytest.raises(StateError, match="1 of 2 people"):
        promote(dataclasses.replace(world.workspace, principals=people), review, policy=world.policy)

    assert state_of(world.workspace, review) is State.APPROVED


def test_an_update_that_nobody_decides_about_is_not_accepted(world, review):
    give(world, review)
    give(world, review, "abe")
    approve(world.workspace, review, person="dana", policy=world.policy)

    with pytest.raises(StateError, match="APPROVED"):
        give(world, review, "ada")


def test_two_who_accept_at_once_make_one_new_verdict(world):
    update = world.update("racing", private=[["row-3", "holds an address"]])
    gate, failed = threading.Barrier(4), []

    def accept(who):
        gate.wait()
        try:
            give(world, update, who)
        except (NotEntitled, StateError) as error:
            failed.append(type(error))

    threads = [threading.Thread(target=accept, args=(who,)) for who in ("ada", "abe", "ada", "abe")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(failed) == 2
    assert events_of(world.workspace, update).count("verdict.decided") == 2
    assert events_of(world.workspace, update).count("waiver.given") == 2
    verdict = verdict_of(world, update)[1]
    assert (verdict.outcome, len(verdict.waived[0].ids)) == (Outcome.ADMIT, 2)
    assert replay(world.workspace, update).same


def test_an_erased_person_does_not_accept_again_under_another_name(world, review):
    give(world, review)
    without = {name: each for name, each in PEOPLE.items() if name != "ada"}
    erase_person(dataclasses.replace(world.workspace, principals=without), "ada", by="zelda")
    people = {**without, "anna": person("anna", "admin")}

    with pytest.raises(NotEntitled, match="was erased"):
        give(world, review, "anna", workspace=trusting(dataclasses.replace(world.workspace, principals=people)))
