"""Signing in and out: what a session is, when it ends, and who cannot begin one."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from browsing import Browser, Page, browser_of
from people import PEOPLE, person
from quick_world import quick_workspace
from registry import FakeRegistry
from service_world import Person, World, settings, token_for

from api.app import create_app
from api.dashboard.app import Dashboard
from api.dashboard.door import safe_path
from api.dashboard.sessions import LASTS, Sessions
from gatekeeper.store import tokens


class Clock:
    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now


def test_the_fleet_shows_what_is_live_to_somebody_signed_in(world):
    update = world.live()

    page = browser_of(world, "ola").page("/")

    assert "version 1" in page.text
    assert f"/updates/{update}" in page.links


def test_without_a_session_the_form_comes_first_and_leads_on(world):
    browser = Browser(world.app)

    sent = browser.get("/ledger?first=3")
    form = browser.page(sent.headers["Location"]).form("/sign-in")
    answered = browser.send("/sign-in", {**form["fields"], "token": world.ola.token})

    assert (sent.status_code, sent.headers["Location"]) == (303, "/sign-in?onward=%2Fledger%3Ffirst%3D3")
    assert answered.headers["Location"] == "/ledger?first=3"


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_holds_no_token(world):
    browser = Browser(world.app)

    answered = browser.sign_in(world.dana.token)

    (cookie,) = [each for each in answered.headers.get_list("set-cookie") if each.startswith("gatekeeper-session=")]
    value, *flags = cookie.split("; ")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(flags)
    assert "Secure" not in flags
    assert len(value.partition("=")[2]) == 43
    assert world.dana.token not in answered.text + str(answered.headers)


@pytest.mark.parametrize("host", ["gate.example", "10.0.0.7", "localhost.example"])
def test_away_from_this_machine_the_cookie_is_for_tls_alone(world, host):
    browser = Browser(world.app, base=f"https://{host}")

    answered = browser.sign_in(world.dana.token)

    (cookie,) = [each for each in answered.headers.get_list("set-cookie") if "-session=" in each]
    assert cookie.startswith("__Host-gatekeeper-session=")
    assert "Secure" in cookie.split("; ")
    assert browser.get("/").status_code == 200


def test_a_token_that_does_not_count_begins_nothing(world):
    browser = Browser(world.app)

    answered = browser.sign_in("gk_nobody")

    assert answered.status_code == 401
    assert "The token does not count." in Page(answered.text).text
    assert browser.get("/").status_code == 303


def test_tokens_cannot_be_tried_without_end(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy, failures_per_minute=3)
    browser = Browser(world.app)

    answers = [browser.sign_in(f"gk_guess-{each}").status_code for each in range(4)]

    assert answers == [401, 401, 401, 429]
    assert browser.sign_in(world.dana.token).status_code == 303


def test_pages_count_as_calls_of_the_token(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy, reads_per_minute=2)
    browser = browser_of(world, "dana")

    answers = [browser.get("/").status_code for _ in range(3)]

    assert answers == [200, 200, 429]


def test_a_program_opens_no_page(tmp_path, policy):
    people = {**PEOPLE, "robot": person("robot", "service")}
    registry = FakeRegistry(root=tmp_path / "registry")
    workspace = quick_workspace(tmp_path, registry, policies=(policy,), people=people)
    world = World(workspace, tmp_path, policy)
    robot = Person(world.client, token_for(workspace, "robot", "service"), "robot")

    answered = Browser(world.app).sign_in(robot.token)

    assert answered.status_code == 403
    assert "A program's token opens no page." in Page(answered.text).text
    workspace.store.close()


def test_another_site_cannot_sign_somebody_in(world):
    browser = Browser(world.app)

    answered = browser.send("/sign-in", {"token": world.dana.token, "door": "guessed", "onward": "/"})

    assert answered.status_code == 403
    assert browser.get("/").status_code == 303


def test_a_form_of_another_browser_signs_nobody_in(world):
    own, other = Browser(world.app), Browser(world.app)
    form = other.page("/sign-in").form("/sign-in")
    own.page("/sign-in")

    answered = own.send("/sign-in", {**form["fields"], "token": world.dana.token})

    assert answered.status_code == 403


def test_a_session_id_that_somebody_else_chose_is_never_taken_over(world):
    browser = Browser(world.app)
    browser.client.cookies.set("gatekeeper-session", "chosen", domain="127.0.0.1")

    browser.sign_in(world.dana.token)

    sessions = {each.value for each in browser.client.cookies.jar if each.name == "gatekeeper-session"}
    assert "chosen" not in sessions
    assert len(sessions) == 1
    assert browser.get("/").status_code == 200


def test_a_session_ends_after_eight_hours(world):
    clock = Clock()
    app = Dashboard(world.app, service=world.app.state.service, sessions=Sessions(now=clock))
    browser = Browser(app)
    browser.sign_in(world.dana.token)
    clock.now += LASTS - timedelta(seconds=1)
    assert browser.get("/updates").status_code == 200

    clock.now += timedelta(seconds=1)
    ended = browser.get("/updates")

    assert timedelta(hours=8) == LASTS
    assert ended.status_code == 401
    assert "Your session has ended" in Page(ended.text).text
    assert Page(ended.text).form("/sign-in")["fields"]["onward"] == "/updates"


def test_a_session_ends_with_its_token(world):
    browser = browser_of(world, "dana")
    with world.workspace.store.transaction() as session:
        row = tokens.find(session, world.dana.token)
        tokens.revoke(session, row.id, now=datetime.now(UTC))

    ended = browser.get("/")

    assert ended.status_code == 401
    assert browser.get("/").status_code == 303


def test_a_session_ends_when_its_person_leaves_the_project(world, workspace, policy):
    present = {"people": PEOPLE}
    told = dataclasses.replace(
        settings(policy, None), refresh=lambda opened: dataclasses.replace(opened, principals=present["people"])
    )
    browser = Browser(create_app(workspace, told))
    browser.sign_in(world.dana.token)
    assert browser.get("/").status_code == 200

    present["people"] = {name: each for name, each in PEOPLE.items() if name != "dana"}

    assert browser.get("/").status_code == 401


def test_signing_out_ends_the_session_on_the_side_of_the_service(world):
    browser = browser_of(world, "dana")
    kept = browser.client.cookies["gatekeeper-session"]
    form = browser.page("/").form("/sign-out")

    left = browser.send("/sign-out", form["fields"])
    browser.client.cookies.set("gatekeeper-session", kept)

    assert (left.status_code, left.headers["Location"]) == (303, "/sign-in")
    assert browser.get("/").status_code == 401


def test_signing_out_takes_the_sessions_own_word(world):
    browser = browser_of(world, "dana")

    answered = browser.send("/sign-out", {"word": "guessed"})

    assert answered.status_code == 403
    assert browser.get("/").status_code == 200


def test_the_oldest_session_goes_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr("api.dashboard.sessions._MOST", 2)
    sessions = Sessions()

    ids = [sessions.begin(f"gk_{each}")[0] for each in range(3)]

    assert [sessions.find(each) is not None for each in ids] == [False, True, True]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        pytest.param("/updates/upd-1?x=1", "/updates/upd-1?x=1", id="own"),
        pytest.param("https://evil.example/", "/", id="elsewhere"),
        pytest.param("//evil.example/", "/", id="without-a-scheme"),
        pytest.param("/\\evil.example/", "/", id="backslash"),
        pytest.param("/a\nb", "/", id="line-end"),
        pytest.param("javascript:alert(1)", "/", id="script"),
        pytest.param("/sign-in?onward=/", "/", id="the-door-itself"),
        pytest.param("/" + "a" * 500, "/", id="long"),
        pytest.param("", "/", id="nothing"),
    ],
)
def test_the_form_leads_on_to_this_service_alone(path, kept):
    assert safe_path(path) == kept
