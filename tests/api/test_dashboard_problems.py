"""Whatever goes wrong on a page is a page; routes beside the pages stay as they were."""

import pytest
from browsing import Browser, Page, browser_of
from service_world import World, as_json

from api.dashboard.rendering import POLICY
from api.edges import HEADERS


@pytest.mark.parametrize(
    "path", ["/nothing", "/updates/upd-0", "/models/nothing", "/ledger/7000", "/static/nothing.js", "/updates/a/b/c"]
)
def test_what_is_not_there_is_said_on_a_page(world, path):
    answered = browser_of(world, "ola").get(path)

    page = Page(answered.text)
    assert answered.status_code == 404
    assert page.headings == [(1, "Not there")]
    assert "/v1/" not in page.text
    assert answered.headers["X-Request-Id"] in page.text
    assert answered.headers["Content-Security-Policy"] == POLICY
    assert "/" in page.links


def test_to_somebody_unknown_a_page_says_no_more_than_that(world):
    page = Page(Browser(world.app).get("/nothing").text)

    assert page.headings == [(1, "Not there")]
    assert page.links == ["#main", "/"]


def test_what_a_role_does_not_cover_is_said_on_a_page(world):
    answered = browser_of(world, "zelda").get("/ledger")

    page = Page(answered.text)
    assert answered.status_code == 403
    assert page.headings == [(1, "Not allowed")]
    assert "It takes one of: admin, approver, auditor." in page.text


def test_a_page_is_not_posted_to(world):
    answered = browser_of(world, "ola").send("/ledger", {})

    assert answered.status_code == 405
    assert Page(answered.text).headings == [(1, "Not done this way")]


def test_a_form_that_is_too_long_is_refused(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy, most_bytes=2000)

    answered = browser_of(world, "dana").send("/updates/upd-0/approve", {"comment": "x" * 3000})

    assert answered.status_code == 413
    assert answered.headers["Content-Security-Policy"] == POLICY


def test_a_fault_of_ours_is_a_page_without_details(world, monkeypatch):
    def broken(*_args, **_more):
        raise RuntimeError("the secret is 12345")

    browser = browser_of(world, "ola")
    monkeypatch.setattr("api.dashboard.pages.fleet.list_models", broken)

    answered = browser.get("/")

    assert answered.status_code == 500
    assert Page(answered.text).headings == [(1, "A fault of ours")]
    assert "12345" not in answered.text


@pytest.mark.parametrize("path", ["/v1/updates", "/v1/nothing", "/healthz", "/readyz", "/nothing", "/"])
def test_programs_are_answered_as_before(world, path):
    answered = world.ola.get(path)

    assert "html" not in answered.headers["Content-Type"]
    assert answered.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


def test_a_browser_that_opens_a_route_is_given_the_problem_and_not_a_page(world):
    assert as_json(Browser(world.app).get("/v1/updates")) == (401, "no-token")


def test_a_session_opens_no_route(world):
    browser = browser_of(world, "ada")

    assert as_json(browser.get("/v1/updates")) == (401, "no-token")


def test_a_token_in_a_header_opens_no_page(world):
    assert Page(world.ada.get("/updates").text).headings == [(1, "Sign in")]


@pytest.mark.parametrize(
    ("name", "media_type"), [("report.css", "text/css"), ("dashboard.css", "text/css"), ("mark.svg", "image/svg+xml")]
)
def test_styles_are_the_services_own_and_ask_for_nothing(world, name, media_type):
    answered = Browser(world.app).get(f"/static/{name}")

    assert answered.status_code == 200
    assert answered.headers["Content-Type"].startswith(media_type)
    assert "url(" not in answered.text
    assert "@import" not in answered.text
