"""The ledger on pages: entries in order, and in words whether one of them is proven."""

import dataclasses

import pytest
from browsing import Page, browser_of
from gallery_world import gallery
from sqlalchemy import text

from gatekeeper.store.tables import EntryRow


@pytest.fixture
def world(tmp_path):
    made = gallery(tmp_path)
    made.live()
    yield made
    made.workspace.store.close()


def change(world, statement):
    with world.workspace.store.transaction() as session:
        session.execute(text(statement))


def test_an_entry_is_proven_in_words(world):
    page = browser_of(world, "ola").page("/ledger/3")

    entry = world.ola.get("/v1/ledger/entries/3").json()
    assert "Proven" in [said.removeprefix("✓ ") for _level, said in page.headings]
    assert "This entry, byte for byte, is number 3 of the" in page.text
    assert entry["leaf_hash"] in page.text
    assert world.ola.get("/v1/ledger/entries/3/proof").json()["proof"] in page.text


def test_an_entry_that_somebody_changed_is_not_proven(world):
    change(world, "UPDATE ledger_entries SET leaf = CAST(replace(leaf, 'gate', 'fate') AS BLOB) WHERE seq = 3")

    page = browser_of(world, "ola").page("/ledger/3")

    assert "✕ Not proven" in [said for _level, said in page.headings]
    assert "Entry 3 is not in the log that the checkpoint is of." in page.text


def test_a_changed_entry_beside_it_leaves_the_others_unproven(world):
    browser = browser_of(world, "ola")
    browser.page("/ledger/3")  # a checkpoint is signed while all is well
    change(world, "UPDATE ledger_entries SET leaf_hash = zeroblob(32) WHERE seq = 2")

    assert "Not proven" in browser.page("/ledger/3").text


def test_a_checkpoint_of_a_key_that_is_not_trusted_proves_nothing(world):
    service = world.app.state.service
    notary = world.workspace.notary
    other = notary.trust.log_keys[0].replace("+", "x+", 1)
    trust = dataclasses.replace(notary.trust, log_keys=(other,))
    service.settings = dataclasses.replace(
        service.settings,
        refresh=lambda opened: dataclasses.replace(opened, notary=dataclasses.replace(notary, trust=trust)),
    )

    page = browser_of(world, "ola").page("/ledger/3")

    assert "Not proven" in page.text


def test_a_leaf_that_cannot_be_read_is_said_to_be(world):
    change(world, "UPDATE ledger_entries SET leaf = CAST('{' AS BLOB) WHERE seq = 3")

    browser = browser_of(world, "ola")

    assert "cannot be read" in browser.page("/ledger").text
    assert "Not proven" in browser.page("/ledger/3").text


def test_the_newest_entries_come_first_and_pages_lead_both_ways(world, monkeypatch):
    monkeypatch.setattr("api.dashboard.pages.ledger._AT_ONCE", 4)
    with world.workspace.store.reading() as session:
        size = session.query(EntryRow).count()
    browser = browser_of(world, "ola")

    newest = browser.page("/ledger")
    earlier = browser.page(f"/ledger?first={size - 8}")

    assert f"Entries {size - 4} to {size - 1}" in newest.tables
    assert f"/ledger?first={size - 8}" in newest.links
    assert f"/ledger?first={size - 4}" in earlier.links
    assert f"/ledger?first={size - 12}" in earlier.links


def test_an_entry_that_is_not_there_is_a_page_too(world):
    answered = browser_of(world, "ola").get("/ledger/999")

    assert answered.status_code == 404
    assert "The ledger has no entry of that number." in Page(answered.text).text
