"""A real provider, a real browser, and the whole way: log in, approve with one button, promote, verify offline."""

import dataclasses
import json
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chromium import Watch, chromium, listening, needs_chromium
from gallery_world import CATALOGUE, Gallery, gallery_policy
from log_in_world import POLICY, logging_workspace
from oidc_provider import CLIENT, SECRET, installed, providing
from quick_world import quick_workspace
from registry import FakeRegistry

from api.federation.provider import Provider, ProviderSettings
from audits.passport.trust import trust_text
from gatekeeper.pipeline.passports import passport_file
from gatekeeper.pipeline.revocations import signed_list
from gatekeeper.store import updates

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A service whose people log in at a real provider; its world and its address."""
    home, root, policy = installed(), tmp_path_factory.mktemp("provider"), gallery_policy()
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with providing(home, address) as issuer:
        opened = quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,))
        provider = Provider(
            ProviderSettings(
                issuer=issuer,
                client_id=CLIENT,
                secret=SECRET,
                redirect_uri=f"{address}/sign-in/return",
                leave_uri=f"{address}/sign-in",
                name="Example",
            )
        )
        told = {"provider": provider, "log_in": POLICY}

        workspace = dataclasses.replace(logging_workspace(opened, issuer=issuer), catalogue=CATALOGUE)
        world = Gallery(workspace, root, policy, **told)
        world.live()
        with listening(world.app, listener) as home_address:
            assert home_address == address
            yield world, address, issuer
        opened.store.close()


@pytest.fixture
def opened(served):
    """A page of a browser that nobody signed in with, and what it does."""
    with chromium() as browser:
        context = browser.new_context()
        context.route("https://**", lambda route: route.abort())  # fonts of the provider's own pages
        page = context.new_page()
        yield page, Watch(page, served[1])


def prove(page, name):
    """Say who one is on the provider's own page, and agree to tell the service."""
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()


def log_in(page, home, name):
    page.goto(f"{home}/updates")
    page.get_by_role("link", name="Sign in with Example").click()
    prove(page, name)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{home}/updates")


def test_somebody_logs_in_approves_with_one_button_and_a_verifier_elsewhere_accepts_it(served, opened, tmp_path):
    world, home, _issuer = served
    page, watch = opened
    update = world.update("weekly feedback", knowledge=0.01)
    log_in(page, home, "dana-at-id")
    watch.elsewhere.clear()  # what the provider's own pages ask for is its own affair

    page.goto(f"{home}/updates/{update}")
    form = page.locator("#now-approve")
    form.get_by_label("Comment").fill("looked at every number")
    form.get_by_role("button", name="Approve").click()
    page.wait_for_url(f"{home}/updates/{update}")

    assert page.locator("dl.facts").get_by_text("approved", exact=True).is_visible()
    assert page.get_by_text("by the service, over their log-in").is_visible()
    assert watch.elsewhere == []
    assert world.ada.promote(update).status_code == 200
    assert verified(world, update, tmp_path) == (0, True)
    assert verified(world, update, tmp_path, log_ins=())[0] == 20


def verified(world, update, root, **changed):
    """Verify what is live in a process of its own, which has nothing but files: exit code, and what it says."""

    workspace = world.workspace
    with workspace.store.reading() as session:
        row = updates.require(session, update)
    (root / "trust.toml").write_text(trust_text(dataclasses.replace(workspace.notary.trust, **changed)))
    (root / "revocations.json").write_text(signed_list(workspace, now=datetime.now(UTC)))
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "gatekeeper",
                "verify",
                str(workspace.intake_dir / update / "candidate"),
                "--json",
            ),
            *("--passport", str(passport_file(workspace, row.model, "champion", row.registered_version))),
            *("--trust", str(root / "trust.toml"), "--revocations", str(root / "revocations.json")),
        ],
        check=False,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout).get("verified")


def test_a_provider_asks_again_where_a_decision_takes_a_recent_log_in(served, opened):
    _world, home, _issuer = served
    page, _watch = opened
    log_in(page, home, "dana-at-id")

    page.goto(f"{home}/sign-in/provider?again=1&onward=/signed-in")
    assert page.locator("input[name=password]").is_visible()
    prove(page, "dana-at-id")
    page.wait_for_url(f"{home}/signed-in")
    page.get_by_role("button", name="Make a token").click()

    assert page.locator("#token").text_content().startswith("gl_")


def test_somebody_whom_nobody_here_knows_is_not_let_in(served, opened):
    _world, home, _issuer = served
    page, _watch = opened
    page.goto(f"{home}/sign-in/provider")
    prove(page, "dana")

    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{home}/sign-in/return*")

    assert page.get_by_text("Nobody here is known by this log-in.").is_visible()
    assert page.goto(f"{home}/updates").url.startswith(f"{home}/sign-in")


def test_signing_out_leads_to_the_end_of_the_log_in_at_the_provider(served, opened):
    _world, home, issuer = served
    page, _watch = opened
    log_in(page, home, "dana-at-id")

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="End the log-in at Example as well").click()

    assert page.url.startswith(f"{issuer}/session/end?")
    page.get_by_role("button", name="Yes").click()
    page.wait_for_url(f"{home}/sign-in*")
