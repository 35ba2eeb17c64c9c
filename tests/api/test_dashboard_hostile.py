"""Text that somebody else wrote stays text, and rows stay with those who may see them."""

import pytest
from browsing import Page, browser_of
from gallery_world import HOSTILE, SECRET_ROW, gallery

from api.dashboard.masking import flagged
from api.masking import is_plain
from gatekeeper.core.findings import Finding, GateReport, Severity, Status
from gatekeeper.core.gate import FAMILIES, Family

SCRIPTED = "<script>alert("


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A gallery in which everything that people and updates can write is hostile; the update's id."""
    world = gallery(tmp_path_factory.mktemp("hostile"))
    world.live(HOSTILE)
    refused = world.update(HOSTILE, private=[(HOSTILE, HOSTILE)])
    assert world.dana.decide(refused, "reject", comment=HOSTILE).status_code == 200
    waiting = world.update(HOSTILE, private=[(SECRET_ROW, "It names Jane Roe of Springfield.")])
    yield world, refused, waiting
    world.workspace.store.close()


@pytest.mark.parametrize("path", ["/", "/approvals", "/updates", "/updates/{0}", "/updates/{1}", "/models/quick"])
def test_names_comments_and_findings_are_shown_and_never_run(hostile, path):
    world, refused, waiting = hostile

    text = browser_of(world, "dana").get(path.format(refused, waiting)).text

    page = Page(text)
    assert page.forbidden == []
    assert SCRIPTED not in text
    assert "\u202e" not in text


def test_what_was_written_is_there_to_be_read(hostile):
    world, refused, _waiting = hostile

    page = browser_of(world, "dana").page(f"/updates/{refused}")

    assert page.text.count("<script>alert(1)</script>") >= 5  # title, heading, row, message, comment
    assert "{{ 7*7 }}" in page.text
    assert "‹U+202E›gnp.exe" in page.text


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/updates?model=<script>alert(1)</script>", id="filter"),
        pytest.param('/updates?state="><script>alert(1)</script>', id="state"),
        pytest.param("/updates?cursor=<script>alert(1)</script>", id="cursor"),
        pytest.param("/models/<script>alert(1)<%2Fscript>", id="model"),
        pytest.param("/updates/<script>alert(1)<%2Fscript>", id="update"),
        pytest.param("/ledger?first=<script>alert(1)</script>", id="number"),
        pytest.param("/<script>alert(1)</script>", id="path"),
        pytest.param("/updates?model=%00", id="nul"),
        pytest.param("/updates/a%00b", id="nul-in-a-path"),
        pytest.param("/ledger?first=-1", id="negative"),
        pytest.param("/ledger/99999999999999999999", id="large"),
    ],
)
def test_an_address_is_no_way_in(hostile, path):
    answered = browser_of(hostile[0], "dana").get(path)

    assert answered.status_code in {200, 303, 404, 422}
    assert SCRIPTED not in answered.text
    assert Page(answered.text).forbidden == []


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        pytest.param("dana", True, id="approver"),
        pytest.param("ola", True, id="auditor"),
        pytest.param("ada", True, id="admin"),
        pytest.param("zelda", False, id="submitter"),
    ],
)
def test_flagged_rows_are_for_those_who_may_see_them(hostile, who, sees):
    world, _refused, waiting = hostile

    text = browser_of(world, who).get(f"/updates/{waiting}").text

    assert (SECRET_ROW in text) is sees
    assert ("Jane Roe" in text) is sees
    assert "data/private/row" in text
    assert ("masked, no. 1" in text) is not sees


def finding(subject, severity=Severity.HIGH):
    return Finding(code="x/y", severity=severity, confidence=0.5, subject=subject, message=f"about {subject}")


def report(gate, *findings):
    return GateReport(gate=gate, version=1, status=Status.MEASURED, findings=findings)


def test_findings_are_put_together_by_what_they_are_about_worst_first():
    low, high = finding("row-1", Severity.LOW), finding("row-1")

    found = flagged([report("data/a", low, finding("row-2", Severity.MEDIUM), high)], sees_rows=True)

    assert [(each.subject, each.worst, len(each.findings)) for each in found] == [
        ("row-1", Severity.HIGH, 2),
        ("row-2", Severity.MEDIUM, 1),
    ]
    assert found[0].findings == (high, low)


@pytest.mark.parametrize("family", FAMILIES)
def test_only_files_and_tensors_are_shown_to_everybody(family):
    gate = f"{family}/some"

    (found,) = flagged([report(gate, finding("secret"))], sees_rows=False)

    shown = family in {Family.ARTIFACT, Family.WEIGHTS}
    assert is_plain(gate) is shown
    assert (found.subject == "secret") is shown
    assert ("secret" in repr(found)) is shown


def test_a_family_that_nobody_thought_of_is_masked():
    (found,) = flagged([report("privacy/extraction", finding("secret"))], sees_rows=False)

    assert "secret" not in repr(found)
