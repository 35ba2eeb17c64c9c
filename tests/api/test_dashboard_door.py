"""Signing in and out: what a session is, when it ends, and who cannot begin one."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from browsing import Browser, Page, browser_of
from people import PEOPLE, person
from quick_world import quick_workspace
from registry import FakeRegistry
from service_world import Person, World, settings, token_for
from sqlalchemy import select, text

from api.app import create_app
from api.dashboard.door import safe_path
from api.dashboard.sessions import IDLE, LASTS, Sessions
from gatekeeper.store import tokens
from gatekeeper.store.tables import SessionRow


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


def clocked(world):
    """Sessions of a service by a clock that the test moves."""
    clock = Clock()
    world.app.state.service.sessions = Sessions(world.workspace.store, now=clock)
    return clock


def test_a_session_ends_after_eight_hours_however_much_it_is_used(world):
    clock = clocked(world)
    browser = Browser(world.app)
    browser.sign_in(world.dana.token)
    for _ in range(15):
        clock.now += timedelta(minutes=30)
        assert browser.get("/updates").status_code == 200
    clock.now += timedelta(minutes=30) - timedelta(seconds=1)
    assert browser.get("/updates").status_code == 200

    clock.now += timedelta(seconds=1)
    ended = browser.get("/updates")

    assert timedelta(hours=8) == LASTS
    assert ended.status_code == 401
    assert "Your session has ended" in Page(ended.text).text
    assert Page(ended.text).form("/sign-in")["fields"]["onward"] == "/updates"


def test_a_session_that_nobody_uses_ends_after_an_hour(world):
    clock = clocked(world)
    browser = Browser(world.app)
    browser.sign_in(world.dana.token)
    clock.now += timedelta(minutes=59)
    assert browser.get("/updates").status_code == 200

    clock.now += timedelta(minutes=60)

    assert timedelta(hours=1) == IDLE
    assert browser.get("/updates").status_code == 401


def test_a_session_outlives_the_process_and_counts_in_every_one(world, workspace, policy):
    browser = browser_of(world, "dana")
    again = Browser(create_app(workspace, settings(policy, None)))
    again.client.cookies = browser.client.cookies

    assert again.get("/updates").status_code == 200

    again.send("/sign-out", again.page("/").form("/sign-out")["fields"])
    assert browser.get("/updates").status_code in {303, 401}


def test_the_database_holds_nothing_that_lets_anybody_in(world):
    browser = browser_of(world, "dana")
    held = browser.client.cookies["gatekeeper-session"]

    with world.workspace.store.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM sessions")).all()

    assert len(rows) == 1
    assert held not in str(rows)
    assert world.dana.token not in str(rows)
    assert browser.page("/").form("/sign-out")["fields"]["word"] not in str(rows)


def test_what_the_database_holds_is_no_cookie(world):
    browser_of(world, "dana")
    with world.workspace.store.reading() as session:
        row = session.scalars(select(SessionRow)).one()

    for value in (row.id, row.digest, row.digest.removeprefix("sha256:")):
        thief = Browser(world.app)
        thief.client.cookies.set("gatekeeper-session", value)
        assert thief.get("/updates").status_code == 401


def test_somebody_can_sign_out_everywhere(world):
    first, second, other = browser_of(world, "dana"), browser_of(world, "dana"), browser_of(world, "kim")
    form = next(each for each in first.page("/signed-in").forms if each["fields"].get("do") == "end")

    sent = first.send("/signed-in", form["fields"])

    assert sent.headers["Location"] == "/sign-in"
    assert [each.get("/updates").status_code for each in (first, second, other)] == [401, 401, 200]


def test_a_token_typed_in_gives_no_token_of_a_log_in(world):
    browser = browser_of(world, "dana")
    word = browser.page("/signed-in").form("/signed-in")["fields"]["word"]

    answered = browser.send("/signed-in", {"word": word, "do": "token"})

    assert answered.status_code == 403
    assert "gl_" not in answered.text


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
