"""Every page for each role: who sees it, what stands on it, and what a browser is told about it."""

import dataclasses
import itertools

import pytest
from browsing import Browser, Page, browser_of
from gallery_world import HOSTILE, anchor_asked, gallery

from api.dashboard.answering import routes
from api.dashboard.rendering import POLICY
from gatekeeper.core.errors import RegistryError

PATHS = {
    "signed in": "/signed-in",
    "fleet": "/",
    "approvals": "/approvals",
    "updates": "/updates",
    "waiting": "/updates/{waiting}",
    "blocked": "/updates/{blocked}",
    "new": "/updates/{new}",
    "lineage": "/models/quick",
    "ledger": "/ledger",
    "entry": "/ledger/3",
    "request": "/requests/{request}",
}
EVERYBODY = ("zelda", "dana", "ola", "ada")
NOT_FOR = {"ledger": {"zelda"}, "entry": {"zelda"}}
CASES = [pytest.param(name, who, id=f"{name} as {who}") for name in PATHS for who in EVERYBODY]
REQUIRED = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A gallery with everything in it, and the ids of its updates."""
    world = gallery(tmp_path_factory.mktemp("pages"))
    world.live()
    live = world.succeeded("weekly feedback", drift=-0.01)
    ids = {
        "request": anchor_asked(world, live, reason=HOSTILE),
        "waiting": world.update("waiting", knowledge=-0.04, private=[("row-1", "A name.")]),
        "blocked": world.update("blocked", knowledge=-0.2),
        "new": world.proposed(),
    }
    yield world, ids
    world.workspace.store.close()


@pytest.fixture(scope="module")
def browsers(shown):
    return {name: browser_of(shown[0], name) for name in EVERYBODY}


@pytest.mark.parametrize(("name", "who"), CASES)
def test_a_page_is_for_those_whose_roles_cover_its_routes(shown, browsers, name, who):
    answered = browsers[who].get(PATHS[name].format(**shown[1]))

    page = Page(answered.text)
    assert answered.status_code == (403 if who in NOT_FOR.get(name, ()) else 200)
    assert answered.headers["Content-Security-Policy"] == REQUIRED == POLICY
    assert answered.headers["Cache-Control"] == "no-store"
    assert answered.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.forbidden == []
    assert ("/ledger" in page.links) is (who != "zelda")


@pytest.mark.parametrize("name", PATHS)
def test_a_page_can_be_heard_and_walked_through(shown, browsers, name):
    text = browsers["dana"].get(PATHS[name].format(**shown[1])).text

    page = Page(text)
    levels = [level for level, _said in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(said.strip() for _level, said in page.headings)
    assert all(caption.strip() for caption in page.tables)
    assert page.title.endswith("· Gatekeeper")
    assert '<html lang="en">' in text
    assert page.unlabelled == []


def test_every_page_is_tried_here():
    read = {route.path for route in routes() if "GET" in route.methods}

    names = {"waiting": "{update_id}", "blocked": "{update_id}", "new": "{update_id}", "request": "{request_id}"}
    tried = {path.format(**names) for path in PATHS.values()}
    tried = {path.replace("/ledger/3", "/ledger/{seq}").replace("/models/quick", "/models/{model}") for path in tried}
    at_the_provider = {"/sign-in/provider", "/sign-in/return"}
    assert read - tried - at_the_provider == {
        "/sign-in",
        "/static/{name}",
        "/updates/{update_id}/{action}",
        "/requests/{request_id}/{action}",
    }


def test_without_a_session_no_page_says_anything(shown):
    browser = Browser(shown[0].app)

    for path in PATHS.values():
        answered = browser.get(path.format(**shown[1]))
        assert answered.status_code == 303
        assert answered.headers["Location"].startswith("/sign-in")
        assert answered.text == ""


def test_an_update_says_why_and_with_which_numbers(shown, browsers):
    ids = shown[1]

    page = browsers["ola"].page(f"/updates/{ids['waiting']}")

    assert "Does the candidate still know what the champion knew?" in page.text
    assert "Knowledge changed by −4.0 points; the margin is 5 points." in page.text
    assert "−6.0 to −2.0" in page.text
    assert "above −5.0" in page.text
    text = browsers["ola"].get(f"/updates/{ids['waiting']}").text
    assert text.count('<svg class="forest"') == 1
    assert 'class="mark review"' in text
    seen = shown[0].ola.get(f"/v1/updates/{ids['waiting']}").json()["digests"]
    assert all(digest in page.text for digest in seen.values())


def test_the_limits_of_another_policy_are_not_drawn(tmp_path):
    world = gallery(tmp_path)
    update = world.update("first", first=True)
    other = dataclasses.replace(world.policy, about="Another.")
    service = world.app.state.service
    service.settings = dataclasses.replace(service.settings, policy=lambda: other)

    page = browser_of(world, "dana").page(f"/updates/{update}")

    assert "The policy has changed since this verdict" in page.text
    assert not any(form["action"].endswith("/approve") for form in page.forms)
    world.workspace.store.close()


def test_an_update_without_a_verdict_says_so(shown, browsers):
    page = browsers["dana"].page(f"/updates/{shown[1]['new']}")

    assert "No verdict yet" in page.text
    assert not any(form["action"].startswith("/updates/") for form in page.forms)


def test_only_approvers_are_given_the_form(shown, browsers):
    path = f"/updates/{shown[1]['waiting']}"

    forms = {
        who: [form["action"] for form in browser.page(path).forms if form["action"] != "/sign-out"]
        for who, browser in browsers.items()
    }

    decisions = [f"{path}/approve", f"{path}/reject", f"{path}/request-changes"]
    assert forms == {"zelda": [f"{path}/withdraw"], "ola": [], "ada": [], "dana": decisions}


def test_approvals_list_what_waits(shown, browsers):
    page = browsers["dana"].page("/approvals")

    assert f"/updates/{shown[1]['waiting']}" in page.links
    assert f"/updates/{shown[1]['blocked']}" not in page.links
    assert "0 of 1" in page.text


def test_lineage_draws_the_drift(shown, browsers):
    answered = browsers["dana"].get("/models/quick")

    assert '<svg xmlns="http://www.w3.org/2000/svg" class="lineage"' in answered.text
    assert "−3.0 to +1.0" in Page(answered.text).text


def test_updates_are_narrowed_and_paged(shown, browsers):
    blocked = browsers["ola"].page("/updates?model=quick&state=BLOCKED")

    assert [link for link in blocked.links if link.startswith("/updates/")] == [f"/updates/{shown[1]['blocked']}"]


def test_long_lists_lead_on(tmp_path, monkeypatch):
    monkeypatch.setattr("api.dashboard.pages.updates._AT_ONCE", 1)
    world = gallery(tmp_path)
    older, newer = world.update("older", first=True), world.update("newer", first=True)
    browser = browser_of(world, "ola")

    first = browser.page("/updates")
    (onward,) = [link for link in first.links if "cursor=" in link]
    second = browser.page(onward)

    assert f"/updates/{newer}" in first.links
    assert f"/updates/{older}" in second.links
    assert not [link for link in second.links if "cursor=" in link]
    world.workspace.store.close()


def test_a_registry_that_does_not_answer_keeps_nobody_from_the_fleet(tmp_path):
    world = gallery(tmp_path)
    world.live()
    browser = browser_of(world, "ola")

    world.workspace.registry.alias_version = world.workspace.registry.alias_versions = _broken

    assert "the registry does not answer" in browser.page("/").text
    assert "the registry does not answer" in browser.page("/models/quick").text
    world.workspace.store.close()


def _broken(*_named):
    raise RegistryError("The registry does not answer.")


def test_other_requests_wait_beside_updates(tmp_path):
    world = gallery(tmp_path)
    world.live()
    update = world.succeeded("weekly feedback")
    asked = anchor_asked(world, update, reason=HOSTILE)
    browser = browser_of(world, "kim")

    page = browser.page("/approvals")

    assert f"/requests/{asked}" in page.links
    assert "1 of 2" in page.text
    assert page.forbidden == []
    assert "1 other request" in browser.page("/").text
    world.workspace.store.close()
