"""Deciding by one's log-in, on pages and over REST: what the service signs, when, and for whom it never does."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from browsing import Browser, Page
from log_in_world import POLICY, log_in, logging_world
from people import key_of
from pipeline_views import state_of
from provider import ISSUER, FakeProvider
from service_world import as_json

from audits.passport.check import check_passport
from audits.passport.dsse import public_text
from audits.passport.log_in import read_by_log_in
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.states import State
from gatekeeper.pipeline.passports import passport_file
from gatekeeper.pipeline.revocations import signed_list

AT = "https://gate.example"


@pytest.fixture
def provider():
    return FakeProvider()


@pytest.fixture
def world(workspace, tmp_path, policy, provider):
    return logging_world(workspace, tmp_path, policy, provider)


@pytest.fixture
def update(world):
    """An update that waits, of a model that is live."""
    world.live()
    return world.judged()


@pytest.fixture
def browser(world):
    return Browser(world.app, base=AT)


def button(browser, update, action="approve"):
    """The fields of the one-button form."""
    page = browser.page(f"/updates/{update}")
    return next(
        form["fields"]
        for form in page.forms
        if form["action"] == f"/updates/{update}/{action}" and form["fields"].get("by") == "log-in"
    )


def has_button(browser, update):
    return any(form["fields"].get("by") == "log-in" for form in browser.page(f"/updates/{update}").forms)


def token_of(browser):
    """A token for the log-in, as the page shows it once."""
    word = browser.page("/signed-in").form("/signed-in")["fields"]["word"]
    answered = browser.send("/signed-in", {"word": word, "do": "token"})
    assert answered.status_code == 200, answered.text
    return Page(answered.text).documents["token"]


def over_rest(world, token, update, action="approve", **body):
    headers = {"Authorization": f"Bearer {token}"}
    seen = world.client.get(f"/v1/updates/{update}", headers=headers)
    return world.client.post(
        f"/v1/updates/{update}/{action}",
        json={"seen": seen.json()["digests"], **body},
        headers={**headers, "If-Match": seen.headers["ETag"]},
    )


def passport(world, version="2"):
    return passport_file(world.workspace, "quick", "champion", version).read_text()


def check(world, text, **trust):
    workspace = world.workspace
    return check_passport(
        text,
        dataclasses.replace(workspace.notary.trust, **trust),
        subject=None,
        revocations=signed_list(workspace, now=datetime.now(UTC)),
        now=datetime.now(UTC),
    )


def test_one_button_approves_and_the_passport_holds(world, browser, provider, update):
    log_in(browser, provider)

    sent = browser.send(f"/updates/{update}/approve", {**button(browser, update), "comment": "fine"})

    assert sent.status_code == 303, sent.text
    assert state_of(world.workspace, update) is State.APPROVED
    assert "by the service, over their log-in" in browser.page(f"/updates/{update}").text
    assert world.ada.promote(update).status_code == 200
    assert check(world, passport(world)).approvals == 1


def test_what_is_signed_names_provider_digests_and_time_and_nobody(world, browser, provider, update):
    log_in(browser, provider, ago=60, acr="urn:mace:silver")
    browser.send(f"/updates/{update}/approve", button(browser, update))

    (decision,) = world.ola.get(f"/v1/updates/{update}/approvals").json()["items"]
    read, _key = read_by_log_in(decision["envelope"], [public_text(key_of("log-in"))])

    assert (read.log_in.issuer, read.log_in.amr, read.log_in.acr) == (ISSUER, ("pwd", "otp"), "urn:mace:silver")
    said = datetime.fromisoformat(read.log_in.auth_time)
    assert timedelta(seconds=55) < datetime.now(UTC) - said < timedelta(seconds=90)
    assert {name: getattr(read.decision, name) for name in decision["digests"]} == decision["digests"]
    assert "dana" not in json.dumps(dataclasses.asdict(read))


def test_verifiers_that_do_not_allow_it_refuse_the_passport(world, browser, provider, update):
    log_in(browser, provider)
    browser.send(f"/updates/{update}/approve", button(browser, update))
    world.ada.promote(update)

    for trust in ({"log_ins": ()}, {"subjects": ()}):
        with pytest.raises(VerificationError, match="approvals"):
            check(world, passport(world), **trust)


def test_a_log_in_that_is_too_old_has_no_button_and_leads_to_another(browser, provider, update):
    log_in(browser, provider, ago=16 * 60)

    page = browser.page(f"/updates/{update}")

    assert not has_button(browser, update)
    assert f"/sign-in/provider?again=1&onward=%2Fupdates%2F{update}" in page.links


def test_logging_in_again_is_asked_for_and_verified(browser, provider, update):
    log_in(browser, provider, ago=16 * 60)
    sent = browser.get(f"/sign-in/provider?again=1&onward=/updates/{update}")
    asked = sent.headers["Location"]

    answered = log_in(browser, provider, again=True, onward=f"/updates/{update}")

    assert "prompt=login" in asked
    assert "max_age=900" in asked
    assert answered.headers["Refresh"] == f"0; url=/updates/{update}"
    assert has_button(browser, update)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"ago": 300}, id="not-asked-again"),
        pytest.param({"ago": 16 * 60}, id="long-ago"),
        pytest.param({"auth_time": None}, id="does-not-say"),
    ],
)
def test_a_provider_that_does_not_ask_again_is_not_believed(browser, provider, update, claims):
    log_in(browser, provider, ago=16 * 60)

    answered = log_in(browser, provider, again=True, **claims)

    assert answered.status_code == 403
    assert not has_button(browser, update)


def test_a_form_that_was_kept_until_the_log_in_is_old_decides_nothing(world, browser, provider, update):
    log_in(browser, provider)
    fields = button(browser, update)
    log_in(browser, provider, ago=16 * 60)
    word = browser.page("/updates").form("/sign-out")["fields"]["word"]

    answered = browser.send(f"/updates/{update}/approve", {**fields, "word": word})

    assert answered.status_code == 401
    assert "Deciding takes a log-in within the last 15 minutes." in Page(answered.text).text
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


def test_a_provider_that_does_not_say_when_is_good_for_reading_alone(browser, provider, update):
    log_in(browser, provider, auth_time=None)

    assert browser.get("/updates").status_code == 200
    assert not has_button(browser, update)


def test_a_session_begun_with_a_token_has_no_button_and_cannot_make_one(world, browser, update):
    browser.sign_in(world.dana.token)
    word = browser.page("/updates").form("/sign-out")["fields"]["word"]
    form = next(form for form in browser.page(f"/updates/{update}").forms if form["action"].endswith("/approve"))

    answered = browser.send(f"/updates/{update}/approve", {**form["fields"], "word": word, "by": "log-in"})

    assert not has_button(browser, update)
    assert answered.status_code == 401
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


def test_the_same_button_twice_counts_once(world, browser, provider, update):
    log_in(browser, provider)
    fields = button(browser, update)

    answers = [browser.send(f"/updates/{update}/approve", fields).status_code for _ in range(2)]

    assert answers == [303, 303]
    assert len(world.ola.get(f"/v1/updates/{update}/approvals").json()["items"]) == 1


def test_a_refusal_by_log_in_is_final(world, browser, provider, update):
    log_in(browser, provider)

    browser.send(f"/updates/{update}/reject", button(browser, update, "reject"))

    assert state_of(world.workspace, update) is State.REJECTED


def test_two_log_ins_of_one_person_are_one_person(world, browser, provider):
    update = world.judged(first=True)
    log_in(browser, provider)
    browser.send(f"/updates/{update}/approve", button(browser, update))

    again = over_rest(world, token_of(browser), update)
    by_key = world.dana.decide(update)

    assert (again.status_code, by_key.status_code) == (403, 403)
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


def test_a_log_in_and_somebody_elses_key_make_two(world, browser, provider):
    update = world.judged(first=True)
    log_in(browser, provider)
    browser.send(f"/updates/{update}/approve", button(browser, update))

    assert world.kim.decide(update).status_code == 200
    assert world.ada.promote(update).status_code == 200


def test_whoever_proposed_does_not_approve_by_logging_in(world, browser, provider):
    service = world.app.state.service
    zelda = dataclasses.replace(world.workspace.principals["zelda"], roles=("submitter", "approver"))
    people = {**world.workspace.principals, "zelda": zelda}
    service.settings = dataclasses.replace(
        service.settings, refresh=lambda opened: dataclasses.replace(opened, principals=people)
    )
    update = world.judged(first=True)
    log_in(browser, provider, "zelda-at-id")

    answered = browser.send(f"/updates/{update}/approve", button(browser, update))

    assert answered.status_code == 403
    assert "proposed this update" in Page(answered.text).text


class TestOverRest:
    """With the token of a log-in."""

    def test_it_approves_without_an_envelope(self, world, browser, provider, update):
        log_in(browser, provider)

        answered = over_rest(world, token_of(browser), update, comment="by a program of mine")

        assert answered.status_code == 200, answered.text
        assert answered.json()["state"] == "APPROVED"

    def test_it_says_who_it_is(self, world, browser, provider):
        log_in(browser, provider)

        me = world.client.get("/v1/me", headers={"Authorization": f"Bearer {token_of(browser)}"}).json()

        assert (me["name"], me["roles"]) == ("dana", ["approver"])

    def test_it_ends_when_the_log_in_is_old(self, world, browser, provider):
        log_in(browser, provider)
        token = token_of(browser)
        sessions = world.app.state.service.sessions
        now = sessions.now()
        sessions.now = lambda: now + timedelta(minutes=15)

        answered = world.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})

        assert as_json(answered) == (401, "no-token")

    def test_an_old_log_in_gives_none(self, browser, provider):
        log_in(browser, provider, ago=16 * 60)
        word = browser.page("/signed-in").form("/signed-in")["fields"]["word"]

        answered = browser.send("/signed-in", {"word": word, "do": "token"})

        assert answered.status_code == 401
        assert "gl_" not in answered.text

    def test_it_is_no_cookie_and_a_cookie_is_no_token(self, world, browser, provider):
        log_in(browser, provider)
        token, cookie = token_of(browser), browser.client.cookies["__Host-gatekeeper-session"]
        thief = Browser(world.app, base=AT)
        thief.client.cookies.set("__Host-gatekeeper-session", token, domain="gate.example")

        assert thief.get("/updates").status_code == 401
        for each in (cookie, f"gl_{cookie}"):
            answered = world.client.get("/v1/me", headers={"Authorization": f"Bearer {each}"})
            assert as_json(answered) == (401, "no-token")

    def test_it_ends_with_signing_out_everywhere(self, world, browser, provider):
        log_in(browser, provider)
        token = token_of(browser)
        word = browser.page("/signed-in").form("/signed-in")["fields"]["word"]
        browser.send("/signed-in", {"word": word, "do": "end"})

        assert world.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401

    def test_a_plain_token_without_an_envelope_is_told_to_log_in(self, world, update):
        answered = over_rest(world, world.dana.token, update)

        assert as_json(answered) == (401, "log-in-needed")
        challenge = answered.headers["WWW-Authenticate"]
        assert 'error="insufficient_user_authentication"' in challenge
        assert 'max_age="900"' in challenge

    def test_an_own_key_goes_on_as_before(self, world, update):
        assert world.dana.decide(update).status_code == 200


class TestAlways:
    """Where every decision takes a recent log-in."""

    @pytest.fixture
    def world(self, workspace, tmp_path, policy, provider):
        told = dataclasses.replace(POLICY, always=True)
        return logging_world(workspace, tmp_path, policy, provider, log_in=told)

    @pytest.fixture
    def update(self, world):
        return world.judged(first=True)

    def test_a_signature_with_a_plain_token_is_not_enough(self, world, update):
        assert as_json(world.dana.decide(update)) == (401, "log-in-needed")

    def test_a_signature_with_a_log_ins_token_is(self, world, browser, provider, update):
        log_in(browser, provider)
        world.dana.token = token_of(browser)

        assert world.dana.decide(update).status_code == 200


class TestOwnKeysOnly:
    """Where no role's decisions may be signed over a log-in."""

    @pytest.fixture
    def world(self, workspace, tmp_path, policy, provider):
        told = dataclasses.replace(POLICY, approves=frozenset())
        return logging_world(workspace, tmp_path, policy, provider, roles=(), log_in=told)

    def test_a_log_in_has_no_button_and_signs_nothing(self, world, browser, provider, update):
        log_in(browser, provider)
        token = token_of(browser)

        assert not has_button(browser, update)
        assert as_json(over_rest(world, token, update)) == (422, "bad-signature")
