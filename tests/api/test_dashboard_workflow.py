"""What people do on pages beside approving: send back, accept, withdraw, put live, and decide about requests."""

import pytest
from browsing import Page, browser_of
from gallery_world import HOSTILE, WAIVERS, anchor_asked, gallery
from people import key_of
from pipeline_views import events_of, state_of
from quarantine_world import QuarantineWorld
from quick_world import weights
from service_world import World

from audits.passport.decision import PAYLOAD_TYPE
from audits.passport.dsse import sign
from gatekeeper.core.states import State

ROWS = "data/private/rows"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = gallery(tmp_path_factory.mktemp("workflow"), WAIVERS)
    made.live()
    yield made
    made.workspace.store.close()


def signed(page, key, who):
    return sign(page.documents[f"document-{key}"].encode(), PAYLOAD_TYPE, key_of(who))


def test_an_update_is_sent_back_on_its_page(world):
    update = world.update("to change")
    browser = browser_of(world, "dana")
    page = browser.page(f"/updates/{update}")
    fields = page.form(f"/updates/{update}/request-changes")["fields"]

    without = browser.send(
        f"/updates/{update}/request-changes", {**fields, "envelope": signed(page, "request-changes", "dana")}
    )
    sent = browser.send(
        f"/updates/{update}/request-changes",
        {**fields, "envelope": signed(page, "request-changes", "dana"), "comment": HOSTILE},
    )

    assert (without.status_code, sent.status_code) == (422, 303)
    assert state_of(world.workspace, update) is State.CHANGES_REQUESTED
    after = browser.page(f"/updates/{update}")
    assert "request-changes" in after.text
    assert after.forbidden == []
    answer = world.zelda.propose(weights(world.incoming), answers=update).json()["id"]
    assert f"/updates/{answer}" in browser.page(f"/updates/{update}").links
    assert f"/updates/{update}" in browser.page(f"/updates/{answer}").links


def test_a_finding_is_accepted_on_its_page_by_two_administrators(world):
    update = world.update("private rows", private=[["row-3", "holds an address"]])

    for who in ("ada", "abe"):
        browser = browser_of(world, who)
        page = browser.page(f"/updates/{update}")
        fields = page.form(f"/updates/{update}/waive")["fields"]
        sent = browser.send(
            f"/updates/{update}/waive",
            {**fields, "envelope": signed(page, "waive-1", who), "because": f"{HOSTILE} by {who}"},
        )
        assert sent.status_code == 303, Page(sent.text).text

    page = browser_of(world, "dana").page(f"/updates/{update}")
    assert world.ola.get(f"/v1/updates/{update}").json()["outcome"] == "ADMIT"
    assert "Accepted findings" in page.text
    assert "2 people accepted this until" in page.text
    assert page.forbidden == []
    assert f"/updates/{update}/waive" not in [form["action"] for form in page.forms]


def test_who_may_not_accept_is_given_no_form(world):
    update = world.update("private rows", private=[["row-3", "holds an address"]])

    forms = {
        who: [form["action"] for form in browser_of(world, who).page(f"/updates/{update}").forms]
        for who in ("dana", "ola", "zelda", "ada")
    }

    assert [who for who, actions in forms.items() if f"/updates/{update}/waive" in actions] == ["ada"]


def test_a_proposer_withdraws_their_own_and_nobody_elses(world):
    update = world.update("to withdraw")
    browser = browser_of(world, "zelda")
    fields = browser.page(f"/updates/{update}").form(f"/updates/{update}/withdraw")["fields"]

    sent = browser.send(f"/updates/{update}/withdraw", {**fields, "comment": "wrong rows"})

    assert sent.status_code == 303
    assert state_of(world.workspace, update) is State.WITHDRAWN


def test_what_was_agreed_to_is_put_live_on_its_page(world):
    update = world.update("to promote")
    world.dana.decide(update)
    browser = browser_of(world, "ada")
    fields = browser.page(f"/updates/{update}").form(f"/updates/{update}/promote")["fields"]

    wrong = browser.send(f"/updates/{update}/promote", {**fields, "etag": '"0"'})
    sent = browser.send(f"/updates/{update}/promote", fields)

    assert (wrong.status_code, sent.status_code) == (412, 303)
    assert "Promote: not done." in Page(wrong.text).text
    assert state_of(world.workspace, update) is State.ACTIVE


@pytest.mark.parametrize("action", ["promote", "withdraw", "request-changes", "waive"])
@pytest.mark.parametrize("word", ["", "guessed"])
def test_a_form_from_elsewhere_does_nothing(world, action, word):
    update = world.update("attacked")
    browser = browser_of(world, "dana")
    fields = browser.page(f"/updates/{update}").form(f"/updates/{update}/reject")["fields"]
    before = events_of(world.workspace, update)

    answered = browser.send(f"/updates/{update}/{action}", {**fields, "word": word, "comment": "x"})

    assert answered.status_code == 403
    assert events_of(world.workspace, update) == before


def test_a_request_is_read_and_decided_about_on_its_page(world):
    update = world.succeeded("a better one")
    asked = anchor_asked(world, update, reason=HOSTILE)
    browser = browser_of(world, "kim")
    page = browser.page(f"/requests/{asked}")
    assert f"/requests/{asked}" in browser.page("/approvals").links
    assert page.forbidden == []
    assert "1 of 2" in page.text

    fields = page.form(f"/requests/{asked}/approve")["fields"]
    sent = browser.send(
        f"/requests/{asked}/approve", {**fields, "envelope": signed(page, "approve", "kim"), "comment": "yes"}
    )
    after = browser.page(f"/requests/{asked}")
    carried = browser.send(f"/updates/{update}/promote", after.form(f"/updates/{update}/promote")["fields"])

    assert (sent.status_code, sent.headers["Location"]) == (303, f"/requests/{asked}")
    assert carried.status_code == 303, Page(carried.text).text
    assert world.ola.get("/v1/models/quick").json()["anchor"] == world.ola.get("/v1/models/quick").json()["champion"]
    assert "done" in browser.page(f"/requests/{asked}").text


def test_breaking_the_glass_is_agreed_to_with_both_envelopes(world):
    blocked = world.update("a bad week", knowledge=-0.2)
    etag, _seen = world.ada.seen(blocked)
    path = f"/v1/updates/{blocked}"
    to_sign = world.ada.get(f"{path}/to-sign", params={"action": "break-glass"}).json()["decisions"]
    body = {"envelopes": [world.ada.sign(each) for each in to_sign], "incident": "INC-1", "justification": "fire"}
    asked = world.ada.post(f"{path}/break-glass", body, etag=etag).json()["id"]
    browser = browser_of(world, "abe")
    page = browser.page(f"/requests/{asked}")
    documents = sorted(name for name in page.documents if name.startswith("document-approve"))
    fields = page.form(f"/requests/{asked}/approve")["fields"]
    envelopes = {
        f"envelope-{number}": sign(page.documents[name].encode(), PAYLOAD_TYPE, key_of("abe"))
        for number, name in enumerate(documents, start=1)
    }
    if len(documents) == 1:
        envelopes = {"envelope": envelopes["envelope-1"]}

    one = browser.send(f"/requests/{asked}/approve", {**fields, **dict.fromkeys(envelopes, "{}")})
    sent = browser.send(f"/requests/{asked}/approve", {**fields, **envelopes})

    assert (one.status_code, sent.status_code) == (422, 303)
    assert state_of(world.workspace, blocked) is State.BREAK_GLASS
    assert "INC-1" in page.text
    refused = browser_of(world, "ada").page(f"/requests/{asked}")
    assert f"/requests/{asked}/reject" in [form["action"] for form in refused.forms]


def test_who_may_not_decide_is_told_so_on_the_page(world):
    asked = anchor_asked(world, world.succeeded("another"))
    browser = browser_of(world, "dana")
    page = browser.page(f"/requests/{asked}")
    fields = page.form(f"/requests/{asked}/approve")["fields"]

    again = browser.send(f"/requests/{asked}/approve", {**fields, "envelope": signed(page, "approve", "dana")})

    assert again.status_code == 403
    assert "Approve: not done. Not this person's to decide" in Page(again.text).text
    assert browser.get("/requests/req-0").status_code == 404
    assert browser.send(f"/requests/{asked}/keep", fields).status_code == 404
    assert browser.get(f"/requests/{asked}/approve").headers["Location"] == f"/requests/{asked}"
    readers = browser_of(world, "ola").page(f"/requests/{asked}")
    assert [form["action"] for form in readers.forms] == ["/sign-out"]


@pytest.fixture
def flagged(tmp_path):
    """An update whose rows two gates flagged, in a service; its id."""
    waiting = QuarantineWorld(tmp_path)
    made = World(waiting.workspace, tmp_path, waiting.policy)
    waiting.champion()
    update = waiting.propose(waiting.write(rows=("plain", f"an odd one {HOSTILE}", "plain too"))).update_id
    yield made, update
    waiting.workspace.store.close()


def test_flagged_rows_are_shown_with_their_text_to_who_may_see_them(flagged):
    world, update = flagged

    whole = browser_of(world, "dana").page(f"/updates/{update}")
    masked = browser_of(world, "zelda").page(f"/updates/{update}")
    (shown,) = world.dana.get(f"/v1/updates/{update}/rows").json()["items"]
    (hidden,) = world.zelda.get(f"/v1/updates/{update}/rows").json()["items"]

    assert (shown["row"], "an odd one" in shown["record"]) == (1, True)
    assert (hidden["row"], hidden["record"], hidden["flags"][0]["reason"]) == (None, None, None)
    assert "an odd one" in whole.text
    assert "an odd one" not in masked.text
    assert "Flagged training rows" in masked.text
    assert whole.forbidden == masked.forbidden == []


def test_a_list_of_flagged_rows_that_was_changed_is_not_shown(flagged):
    world, update = flagged
    (run,) = world.ola.get(f"/v1/updates/{update}/runs").json()["items"]
    (listed, *_more) = (world.workspace.evidence_dir / run["id"]).glob("*/flagged.jsonl")
    listed.write_text(listed.read_text().replace('"row": 1', '"row": 2').replace('"row":1', '"row":2'))

    answered = world.dana.get(f"/v1/updates/{update}/rows")

    assert answered.status_code == 409
    assert browser_of(world, "dana").get(f"/updates/{update}").status_code == 200
