"""Logging in at a provider: who gets in, and every way in that should not be one."""

import dataclasses
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from browsing import Browser, Page
from log_in_world import back, begun, hold, log_in, logging_world, provider_of, refused
from provider import CLIENT, ISSUER, FakeProvider
from quick_world import quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import settings

from api.app import create_app
from api.dashboard.log_in import Flow, read_flow
from api.dashboard.sessions import Sessions
from gatekeeper.pipeline.principal import AtProvider


@pytest.fixture
def provider():
    return FakeProvider()


@pytest.fixture
def world(workspace, tmp_path, policy, provider):
    return logging_world(workspace, tmp_path, policy, provider)


@pytest.fixture
def browser(world):
    return Browser(world.app, base="https://gate.example")


@pytest.fixture(scope="module")
def calm_world(tmp_path_factory):
    """A service and a provider for everything that lets nobody in, and so leaves nothing behind."""
    root, policy, provider = tmp_path_factory.mktemp("calm"), quick_policy(), FakeProvider()
    opened = quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,))
    yield logging_world(opened, root, policy, provider), provider
    opened.store.close()


@pytest.fixture
def calm(calm_world):
    """A browser of its own, and the provider as it was."""
    world, provider = calm_world
    provider.claims, provider.tokens, provider.signing = {}, {}, {}
    return Browser(world.app, base="https://gate.example"), provider


def test_the_sign_in_page_offers_the_provider_beside_tokens(browser):
    page = browser.page("/sign-in?onward=/updates")

    assert "/sign-in/provider?onward=%2Fupdates" in page.links
    assert "Sign in with Example" in page.text
    assert page.form("/sign-in")


def test_somebody_who_logs_in_is_signed_in_with_their_roles_and_led_on(browser, provider):
    answered = log_in(browser, provider, onward="/updates?state=BLOCKED")

    assert answered.status_code == 200
    assert answered.headers["Refresh"] == "0; url=/updates?state=BLOCKED"
    page = browser.page("/signed-in")
    assert "dana" in page.text
    assert "(approver)" in page.text
    assert "Example" in page.text


def test_a_log_in_is_asked_for_as_the_standards_say(browser):
    asked = parse_qs(urlsplit(begun(browser)).query)

    assert asked["scope"] == ["openid"]
    assert asked["max_age"] == ["28800"]
    assert "prompt" not in asked
    assert {len(asked[name][0]) for name in ("state", "nonce", "code_challenge")} == {43}


def test_no_two_log_ins_share_anything(browser):
    first, second = (parse_qs(urlsplit(begun(browser)).query) for _ in range(2))

    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_the_cookies_are_for_this_host_alone_over_tls(browser, provider):
    sent = browser.get("/sign-in/provider")
    (flow,) = sent.headers.get_list("set-cookie")
    answered = back(browser, provider.log_in(sent.headers["Location"]))
    cookies = {each.partition("=")[0]: each.split("; ")[1:] for each in answered.headers.get_list("set-cookie")}

    assert flow.startswith("__Host-gatekeeper-log-in=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(flow.split("; "))
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookies["__Host-gatekeeper-session"])
    assert "Max-Age=0" in cookies["__Host-gatekeeper-log-in"]


def test_a_session_id_that_somebody_else_chose_is_never_taken_over(browser, provider):
    log_in(browser, provider)
    former = browser.client.cookies["__Host-gatekeeper-session"]

    log_in(browser, provider)
    now = browser.client.cookies["__Host-gatekeeper-session"]
    hold(browser, "session", former)

    assert now != former
    assert browser.get("/updates").status_code == 401


def test_an_answer_counts_in_the_browser_that_asked_alone(world, browser, provider):
    answer = provider.log_in(begun(browser))
    victim = Browser(world.app, base="https://gate.example")

    refused(back(victim, answer))

    begun(victim)
    refused(back(victim, answer))


def test_an_answer_counts_once(browser, provider):
    url = begun(browser)
    flow = browser.client.cookies["__Host-gatekeeper-log-in"]
    answer = provider.log_in(url)
    assert back(browser, answer).status_code == 200

    hold(browser, "log-in", flow)
    refused(back(browser, {**provider.log_in(url), "state": answer["state"]}))


def test_an_answer_counts_once_over_several_processes(world, browser, provider):
    url = begun(browser)
    flow = browser.client.cookies["__Host-gatekeeper-log-in"]
    answer = provider.log_in(url)
    assert back(browser, answer).status_code == 200
    other = Browser(create_app(world.workspace, world.app.state.service.settings), base="https://gate.example")
    hold(other, "log-in", flow)

    refused(back(other, {**answer, "code": provider.log_in(url)["code"]}))


def test_a_log_in_begun_in_one_process_ends_in_another(world, browser, provider):
    answer = provider.log_in(begun(browser))
    other = Browser(create_app(world.workspace, world.app.state.service.settings), base="https://gate.example")
    other.client.cookies = browser.client.cookies

    assert back(other, answer).status_code == 200
    hold(browser, "session", other.client.cookies["__Host-gatekeeper-session"])
    assert browser.get("/updates").status_code == 200


def test_an_answer_that_takes_too_long_does_not_count(world, browser, provider):
    answer = provider.log_in(begun(browser))
    world.app.state.service.sessions = Sessions(
        world.workspace.store, now=lambda: datetime.now(UTC) + timedelta(minutes=11)
    )

    refused(back(browser, answer))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"state": "guessed"}, id="another-state"),
        pytest.param({"state": ""}, id="no-state"),
        pytest.param({"iss": "https://evil.example"}, id="somebody-else-answers"),
        pytest.param({"iss": ISSUER + "/"}, id="nearly-the-issuer"),
        pytest.param({"code": ""}, id="no-code"),
        pytest.param({"code": "guessed"}, id="another-code"),
        pytest.param({"code": "x" * 3000}, id="long-code"),
        pytest.param({"error": "access_denied"}, id="refused-there"),
    ],
)
def test_a_changed_answer_does_not_count(calm, changed):
    browser, provider = calm
    answer = provider.log_in(begun(browser))

    refused(back(browser, {**answer, **changed}))


def test_an_answer_has_to_say_who_gives_it_where_the_provider_always_does(browser, provider):
    answer = provider.log_in(begun(browser))
    answer.pop("iss")

    refused(back(browser, answer))


def test_a_parameter_that_stands_there_twice_is_refused(browser, provider):
    answer = provider.log_in(begun(browser))

    refused(browser.get("/sign-in/return?" + urlencode([*answer.items(), ("code", "other")])))


def test_a_code_of_another_log_in_does_not_count(browser, provider):
    stolen = provider.log_in(begun(browser))["code"]
    answer = provider.log_in(begun(browser))

    refused(back(browser, {**answer, "code": stolen}))


def test_a_provider_that_is_down_keeps_nobody_with_a_token_out(browser, provider, world):
    provider.down = True

    page = browser.get("/sign-in/provider")

    assert page.status_code == 503
    assert "The provider of log-ins does not answer" in Page(page.text).text
    assert browser.sign_in(world.dana.token).status_code == 303


def test_a_provider_that_is_down_is_asked_once_in_ten_seconds(browser, provider, world):
    clock = {"now": datetime.now(UTC)}
    provider_of(world)._now = lambda: clock["now"]
    provider.down = True

    answers = [browser.get("/sign-in/provider").status_code for _ in range(5)]
    asked = len(provider.asked)
    provider.down = False
    clock["now"] += timedelta(seconds=10)

    assert (answers, asked) == ([503] * 5, 1)
    assert browser.get("/sign-in/provider").status_code == 303


def test_a_provider_that_goes_down_on_the_way_lets_nobody_in(browser, provider):
    answer = provider.log_in(begun(browser))
    provider.down = True

    refused(back(browser, answer), status=503)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"issuer": "https://evil.example"}, id="another-issuer"),
        pytest.param({"issuer": ISSUER + "/"}, id="nearly-the-issuer"),
        pytest.param({"authorization_endpoint": "http://id.example/authorize"}, id="plain-http"),
        pytest.param({"authorization_endpoint": "javascript:alert(1)"}, id="script"),
        pytest.param({"authorization_endpoint": None}, id="no-endpoint"),
        pytest.param({"code_challenge_methods_supported": ["plain"]}, id="no-pkce"),
        pytest.param({"response_types_supported": ["id_token"]}, id="no-code"),
    ],
)
def test_metadata_that_cannot_be_used_sends_nobody_anywhere(browser, provider, changed):
    provider.metadata |= changed

    assert browser.get("/sign-in/provider").status_code == 503


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "/sign-out"])
def test_a_log_in_leads_on_to_this_service_alone(browser, provider, onward):
    assert log_in(browser, provider, onward=onward).headers["Refresh"] == "0; url=/"


def test_a_cookie_that_somebody_changed_leads_nowhere_else():
    text = Flow(secret="s", began=datetime.now(UTC), again=False, onward="https://evil.example/").text()

    assert read_flow(text).onward == "/"
    for broken in (None, "", "a.b", "a.b.c.d", "s.1e9.0.x", "s.99999999999999999999.0.Lw", "s.1.0.ü", "s.1.0./w8="):
        assert read_flow(broken) is None or read_flow(broken).onward == "/"


def test_nobody_logs_in_where_no_provider_is_set(workspace, policy):
    browser = Browser(create_app(workspace, settings(policy, None)))

    assert browser.get("/sign-in/provider").status_code == 404
    assert browser.get("/sign-in/return?code=a&state=b").status_code == 404
    assert not any("provider" in link for link in browser.page("/sign-in").links)


def test_failed_log_ins_are_counted_by_address(workspace, tmp_path, policy, provider):
    world = logging_world(workspace, tmp_path, policy, provider, failures_per_minute=3)
    browser = Browser(world.app, base="https://gate.example")

    answers = [back(browser, {"code": "x", "state": "y"}).status_code for _ in range(4)]

    assert answers == [403, 403, 403, 429]
    assert log_in(browser, provider).status_code == 200


def changed_people(world, **changed):
    service = world.app.state.service
    people = {**world.workspace.principals, **changed}
    people = {name: person for name, person in people.items() if person is not None}
    service.settings = dataclasses.replace(
        service.settings, refresh=lambda opened: dataclasses.replace(opened, principals=people)
    )


def test_a_session_ends_when_its_person_leaves(world, browser, provider):
    log_in(browser, provider)

    changed_people(world, dana=None)

    assert browser.get("/updates").status_code == 401


def test_a_session_ends_when_somebody_else_gets_the_persons_name(world, browser, provider):
    log_in(browser, provider)
    dana = world.workspace.principals["dana"]

    changed_people(world, dana=dataclasses.replace(dana, log_in=AtProvider(issuer=ISSUER, claim="sub", value="new")))

    assert browser.get("/updates").status_code == 401


def test_a_role_that_is_taken_away_is_gone_at_once(world, browser, provider):
    log_in(browser, provider)

    changed_people(world, dana=dataclasses.replace(world.workspace.principals["dana"], roles=("submitter",)))

    assert "(submitter)" in browser.page("/updates").text


def test_a_log_in_that_two_people_have_is_nobodys(world, browser, provider):
    changed_people(
        world,
        kim=dataclasses.replace(world.workspace.principals["kim"], log_in=world.workspace.principals["dana"].log_in),
    )

    refused(log_in(browser, provider))


def test_a_program_does_not_log_in(world, browser, provider):
    changed_people(world, dana=dataclasses.replace(world.workspace.principals["dana"], roles=("service",)))

    refused(log_in(browser, provider))


def test_signing_out_ends_the_session_and_shows_the_way_out_at_the_provider(browser, provider):
    log_in(browser, provider)
    held = browser.client.cookies["__Host-gatekeeper-session"]

    left = browser.send("/sign-out", browser.page("/updates").form("/sign-out")["fields"])

    leaving = next(link for link in Page(left.text).links if link.startswith(f"{ISSUER}/leave?"))
    asked = parse_qs(urlsplit(leaving).query)
    assert asked == {"client_id": [CLIENT], "post_logout_redirect_uri": ["https://gate.example/sign-in"]}
    hold(browser, "session", held)
    assert browser.get("/updates").status_code == 401


def test_signing_out_takes_no_provider(browser, provider, world):
    log_in(browser, provider)
    provider.down = True
    provider_of(world)._read = None

    left = browser.send("/sign-out", browser.page("/updates").form("/sign-out")["fields"])

    assert (left.status_code, left.headers["Location"]) == (303, "/sign-in")
