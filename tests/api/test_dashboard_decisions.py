"""Deciding on a page: the same function as over REST, about exactly the digests that were in view."""

import dataclasses
import json

import pytest
from browsing import Page, browser_of
from gallery_world import HOSTILE, gallery
from people import PEOPLE, key_of, person
from pipeline_views import events_of, state_of
from service_world import Person, token_for

from audits.passport.decision import PAYLOAD_TYPE
from audits.passport.dsse import sign
from gatekeeper.core.states import State


@pytest.fixture
def shown(tmp_path):
    """A gallery with one update that waits; its id."""
    world = gallery(tmp_path)
    world.live()
    yield world, world.update("weekly feedback", knowledge=0.01)
    world.workspace.store.close()


def filled(browser, update, action="approve", *, signer="dana", comment="", **changed):
    """The form as the page gives it, with an envelope over the document that the page shows."""
    text = browser.get(f"/updates/{update}").text
    fields = Page(text).form(f"/updates/{update}/{action}")["fields"]
    document = Page(text).documents[f"document-{action}"]
    envelope = sign(document.encode(), PAYLOAD_TYPE, key_of(signer))
    return {**fields, "envelope": envelope, "comment": comment, **changed}


def test_an_approval_pasted_into_the_form_counts(shown):
    world, update = shown
    browser = browser_of(world, "dana")

    sent = browser.send(f"/updates/{update}/approve", filled(browser, update, comment="fine\r\nby me"))

    assert (sent.status_code, sent.headers["Location"]) == (303, f"/updates/{update}")
    assert state_of(world.workspace, update) is State.APPROVED
    (decision,) = world.ola.get(f"/v1/updates/{update}/approvals").json()["items"]
    assert (decision["decision"], decision["by"], decision["comment"]) == ("approve", "dana", "fine\nby me")
    assert world.ada.promote(update).status_code == 200
    assert "1 of 1" not in browser.page("/approvals").text


def test_a_refusal_pasted_into_the_form_is_final(shown):
    world, update = shown
    browser = browser_of(world, "dana")

    browser.send(f"/updates/{update}/reject", filled(browser, update, "reject", comment=HOSTILE))

    assert state_of(world.workspace, update) is State.REJECTED
    page = browser.page(f"/updates/{update}")
    assert "<script>alert(1)</script>" in page.text
    assert not any(form["action"].startswith("/updates/") for form in page.forms)


def test_an_approved_update_can_still_be_refused_and_not_approved_again(shown):
    world, update = shown
    assert world.dana.decide(update).status_code == 200

    forms = [form["action"] for form in browser_of(world, "kim").page(f"/updates/{update}").forms]

    assert forms == ["/sign-out", f"/updates/{update}/reject", f"/updates/{update}/promote"]


def test_the_page_shows_the_command_the_document_and_its_digests(shown):
    world, update = shown

    page = browser_of(world, "dana").page(f"/updates/{update}")

    seen = world.ola.get(f"/v1/updates/{update}").json()["digests"]
    told = json.loads(page.documents["document-approve"])
    assert {name: told[name] for name in seen} == seen
    assert f"gatekeeper approve {update} --as dana" in page.text
    assert f"gatekeeper reject {update} --as dana" in page.text


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        pytest.param({"envelope": "{}"}, 422, "No signature of this person", id="no-envelope"),
        pytest.param({"envelope": ""}, 422, "Wrong payload", id="nothing-pasted"),
        pytest.param({"envelope": "x" * 20_000}, 422, "Wrong payload", id="too-long"),
        pytest.param({"comment": "x" * 5000}, 422, "Wrong payload", id="long-comment"),
        pytest.param({"update_digest": "sha256:" + "0" * 64}, 409, "Something else", id="another-update"),
        pytest.param({"evidence_digest": "sha256:" + "0" * 64}, 409, "Something else", id="other-evidence"),
        pytest.param({"policy_digest": ""}, 409, "Something else", id="no-policy"),
        pytest.param({"update_digest": "none"}, 422, "Wrong payload", id="no-digest"),
        pytest.param({"etag": '"0"'}, 412, "Changed since it was read", id="seen-earlier"),
        pytest.param({"etag": ""}, 428, "If-Match is missing", id="never-seen"),
    ],
)
def test_what_is_not_what_was_in_view_is_refused_on_the_page(shown, changed, status, said):
    world, update = shown
    browser = browser_of(world, "dana")
    before = events_of(world.workspace, update)

    answered = browser.send(f"/updates/{update}/approve", filled(browser, update, **{"comment": "kept", **changed}))

    page = Page(answered.text)
    assert answered.status_code == status
    assert "Approve: not done." in page.text
    assert said in page.text
    assert page.form(f"/updates/{update}/approve")
    assert events_of(world.workspace, update) == before


def test_a_comment_that_was_typed_is_still_there_after_a_refusal(shown):
    world, update = shown
    browser = browser_of(world, "dana")

    answered = browser.send(f"/updates/{update}/approve", filled(browser, update, comment=HOSTILE, envelope="{}"))

    assert "{{ 7*7 }}" in Page(answered.text).text
    assert Page(answered.text).forbidden == []


def test_a_signature_of_somebody_else_is_refused(shown):
    world, update = shown
    browser = browser_of(world, "dana")

    answered = browser.send(f"/updates/{update}/approve", filled(browser, update, signer="kim"))

    assert answered.status_code == 422
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


def test_a_signature_over_another_decision_is_refused(shown):
    world, update = shown
    browser = browser_of(world, "dana")
    refusal = filled(browser, update, "reject")

    answered = browser.send(f"/updates/{update}/approve", {**filled(browser, update), "envelope": refusal["envelope"]})

    assert answered.status_code in {409, 422}
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


def test_the_same_form_sent_twice_counts_once(shown):
    world, update = shown
    browser = browser_of(world, "dana")
    fields = filled(browser, update)

    answers = [browser.send(f"/updates/{update}/approve", fields).status_code for _ in range(2)]

    assert answers == [303, 303]
    assert len(world.ola.get(f"/v1/updates/{update}/approvals").json()["items"]) == 1


@pytest.mark.parametrize("word", [None, "", "guessed"])
def test_a_form_from_elsewhere_decides_nothing(shown, word):
    world, update = shown
    browser = browser_of(world, "dana")
    fields = filled(browser, update)
    fields.pop("word")

    answered = browser.send(f"/updates/{update}/approve", fields if word is None else {**fields, "word": word})

    assert answered.status_code == 403
    assert "The form is not from your session." in Page(answered.text).text
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


def test_the_word_of_another_session_is_none(shown):
    world, update = shown
    browser, other = browser_of(world, "dana"), browser_of(world, "dana")
    fields = filled(browser, update)

    answered = other.send(f"/updates/{update}/approve", fields)

    assert answered.status_code == 403


def test_a_form_is_taken_as_forms_are_sent_and_no_other_way(shown):
    world, update = shown
    browser = browser_of(world, "dana")
    fields = filled(browser, update)

    as_json = browser.client.post(f"/updates/{update}/approve", json=fields)
    twice = browser.client.post(
        f"/updates/{update}/approve",
        content=f"word={fields['word']}&word=other",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert (as_json.status_code, twice.status_code) == (422, 422)
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


@pytest.mark.parametrize("who", ["zelda", "ola", "ada"])
def test_nobody_else_decides_even_with_a_form_of_their_own_making(shown, who):
    world, update = shown
    browser = browser_of(world, who)
    word = browser.page("/").form("/sign-out")["fields"]["word"]
    fields = {**filled(browser_of(world, "dana"), update, signer=who), "word": word}

    answered = browser.send(f"/updates/{update}/approve", fields)

    assert answered.status_code == 403
    assert "Your roles do not cover this." in Page(answered.text).text
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


def test_a_proposer_who_may_approve_does_not_approve_their_own(tmp_path):
    world = gallery(tmp_path)
    people = {**PEOPLE, "zelda": person("zelda", "submitter", "approver")}
    service = world.app.state.service
    service.settings = dataclasses.replace(
        service.settings, refresh=lambda opened: dataclasses.replace(opened, principals=people)
    )
    update = world.update("own", first=True)
    world.people["zelda"] = Person(world.client, token_for(world.workspace, "zelda", "submitter", "approver"), "zelda")
    browser = browser_of(world, "zelda")

    answered = browser.send(f"/updates/{update}/approve", filled(browser, update, signer="zelda"))

    assert answered.status_code == 403
    assert "zelda proposed this update and cannot decide about it." in Page(answered.text).text
    world.workspace.store.close()


def test_a_session_that_ends_while_somebody_decides_leads_back_to_the_update(shown):
    world, update = shown
    browser = browser_of(world, "dana")
    fields = filled(browser, update)
    browser.send("/sign-out", browser.page("/").form("/sign-out")["fields"])
    browser.client.cookies.set("gatekeeper-session", "ended")

    answered = browser.send(f"/updates/{update}/approve", fields)

    onward = Page(answered.text).form("/sign-in")["fields"]["onward"]
    assert answered.status_code == 401
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL
    assert browser_of(world, "dana").get(onward).headers["Location"] == f"/updates/{update}"


def test_there_is_no_third_decision(shown):
    world, update = shown
    browser = browser_of(world, "dana")

    answered = browser.send(f"/updates/{update}/keep", filled(browser, update))

    assert answered.status_code == 404
