"""The pages in a real Chromium: nothing on the console, nothing from elsewhere, and an approval from end to end."""

import pytest
from chromium import Watch, chromium, listening, needs_chromium
from gallery_world import HOSTILE, anchor_asked, gallery
from people import key_of
from pipeline_views import state_of

from audits.passport.decision import PAYLOAD_TYPE
from audits.passport.dsse import sign
from gatekeeper.core.states import State

pytestmark = needs_chromium

PATHS = {
    "fleet": "/",
    "approvals": "/approvals",
    "updates": "/updates?state=BLOCKED",
    "waiting": "/updates/{waiting}",
    "blocked": "/updates/{blocked}",
    "lineage": "/models/quick",
    "ledger": "/ledger",
    "entry": "/ledger/3",
    "request": "/requests/{request}",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A gallery that listens, its address, and the ids of its updates."""
    world = gallery(tmp_path_factory.mktemp("browser"))
    world.live()
    live = world.succeeded("weekly feedback", drift=-0.01)
    ids = {
        "request": anchor_asked(world, live, reason=HOSTILE),
        "waiting": world.update(HOSTILE, knowledge=-0.04, private=[(HOSTILE, HOSTILE)]),
        "blocked": world.update("a bad week", knowledge=-0.2),
    }
    with listening(world.app) as home:
        yield world, home, ids
    world.workspace.store.close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def opened(served, browser):
    """A page of a browser that nobody signed in with, and what it does."""
    context = browser.new_context()
    page = context.new_page()
    yield page, Watch(page, served[1])
    context.close()


def enter(page, home, token):
    page.goto(home)
    page.get_by_label("Your API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{home}/")


@pytest.mark.parametrize("name", PATHS)
def test_a_page_opens_without_a_word_on_the_console_or_a_request_to_elsewhere(served, opened, name):
    world, home, ids = served
    page, watch = opened
    enter(page, home, world.dana.token)

    answered = page.goto(home + PATHS[name].format(**ids))

    assert answered.status == 200
    assert watch.said == []
    assert watch.elsewhere == []
    assert f"{home}/static/dashboard.css" in watch.asked
    assert page.evaluate("getComputedStyle(document.querySelector('.eyebrow')).textTransform") == "uppercase"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_policy_holds_in_a_browser_that_is_told_to_run_a_script(served, opened):
    world, home, ids = served
    page, watch = opened
    enter(page, home, world.dana.token)
    page.goto(f"{home}/updates/{ids['waiting']}")

    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=/static/nothing onerror=\"window.run=1\">')"
    )
    page.wait_for_load_state("networkidle")

    assert page.evaluate("window.run === undefined")
    assert any("Content Security Policy" in each for each in watch.said)


def test_nobody_reads_the_session_from_a_script(served, opened):
    world, home, _ids = served
    page, _watch = opened

    enter(page, home, world.dana.token)

    assert page.evaluate("document.cookie") == ""
    (cookie,) = [each for each in page.context.cookies() if each["name"].endswith("session")]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)


def test_an_update_is_approved_by_pasting_a_signed_envelope(served, opened):
    world, home, _ids = served
    page, watch = opened
    update = world.update("to be approved", knowledge=0.01)
    enter(page, home, world.dana.token)

    page.get_by_role("link", name="Approvals", exact=True).click()
    page.get_by_role("link", name="to be approved").click()
    page.get_by_text("Agree to exactly this").click()
    document = page.locator("#document-approve").text_content()
    form = page.locator(f"form[action='/updates/{update}/approve']")
    form.get_by_label("Signed envelope").fill(sign(document.encode(), PAYLOAD_TYPE, key_of("dana")))
    form.get_by_label("Comment").fill("numbers look fine,\nand the rows are ours")
    form.get_by_role("button", name="Approve").click()

    page.wait_for_url(f"{home}/updates/{update}")
    assert page.locator("#decisions").get_by_text("numbers look fine").is_visible()
    assert page.locator("dl.facts").get_by_text("approved", exact=True).is_visible()
    assert watch.said == []
    assert watch.elsewhere == []
    assert state_of(world.workspace, update) is State.APPROVED


def test_a_wrong_envelope_is_refused_in_view_and_another_can_be_pasted(served, opened):
    world, home, _ids = served
    page, _watch = opened
    update = world.update("to be refused", knowledge=0.01)
    enter(page, home, world.dana.token)
    page.goto(f"{home}/updates/{update}")
    page.get_by_text("Refuse it for good").click()
    form = page.locator(f"form[action='/updates/{update}/reject']")
    document = page.locator("#document-reject").text_content()
    form.get_by_label("Signed envelope").fill(sign(document.encode(), PAYLOAD_TYPE, key_of("kim")))
    form.get_by_label("Comment").fill("not this week")
    form.get_by_role("button", name="Reject").click()
    said = page.get_by_role("alert").text_content()
    kept = form.get_by_label("Comment").input_value()

    form.get_by_label("Signed envelope").fill(sign(document.encode(), PAYLOAD_TYPE, key_of("dana")))
    form.get_by_role("button", name="Reject").click()
    page.wait_for_url(f"{home}/updates/{update}")

    assert "Reject: not done." in said
    assert kept == "not this week"
    assert state_of(world.workspace, update) is State.REJECTED


def test_the_keyboard_alone_signs_in_decides_and_signs_out(served, opened):
    world, home, ids = served
    page, watch = opened
    page.goto(home)
    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Tab")
    page.keyboard.type(world.dana.token)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{home}/")
    page.goto(f"{home}/updates/{ids['waiting']}")

    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        if reached[-1] == "Agree to exactly this":
            page.keyboard.press("Enter")
            break

    assert skip == "To the content"
    assert "Sign out" in reached
    assert page.locator("#envelope-approve").is_visible()
    assert watch.said == []


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_a_narrow_and_a_wide_window(served, opened, width):
    world, home, ids = served
    page, _watch = opened
    page.set_viewport_size({"width": width, "height": 800})
    enter(page, home, world.dana.token)

    for path in PATHS.values():
        page.goto(home + path.format(**ids))
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
