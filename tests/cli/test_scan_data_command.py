"""``scan data`` and ``quarantine`` as a person uses them."""

import json
import os
from pathlib import Path

import pytest

_POLICY = """
policy: rows
version: 1
gates:
  - gate: data/pii
    params: {names: false}
    limits:
      - id: none
        admit: 'm["high_risk_rows"].value == 0'
        because: "{m[high_risk_rows].value:#row} with account numbers."
      - id: contacts
        margin: 0.2
        admit: 'm["contact_rate"].value <= margin'
        otherwise: review
        because: "{m[contact_rows].value:#row} with a way to reach somebody."
  - gate: artifact/format
    limits:
      - id: no-code
        admit: 'm["code_files"].value == 0'
        because: "{m[code_files].value:#file} of code."
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(_POLICY, encoding="utf-8")
    return tmp_path


def rows(*texts):
    path = Path("rows.jsonl")
    path.write_text("".join(json.dumps({"id": f"r{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


CARD = "Charge 4539 1488 0343 6467."
MAIL = "Write to runa@kestrelpost.org."
CLEAN = ("One.", "Two.", "Three.", "Four.")


@pytest.mark.parametrize(
    ("texts", "code", "waiting"),
    [
        pytest.param(CLEAN, 0, [], id="clean"),
        pytest.param((*CLEAN, MAIL), 0, [4], id="few contacts are admitted, and wait all the same"),
        pytest.param((MAIL, CLEAN[0]), 10, [0], id="many contacts"),
        pytest.param((*CLEAN, CARD), 20, [4], id="a card"),
    ],
)
def test_the_exit_code_is_the_verdict_and_flagged_rows_wait(here, gatekeeper, texts, code, waiting):
    ended = gatekeeper("scan", "data", rows(*texts), "--out", "out", "--policy", "policy.yaml", "--json")

    assert ended.code == code
    assert ended.json["rows"] == {
        "read": len(texts),
        "accepted": len(texts) - len(waiting),
        "quarantined": len(waiting),
        "withheld": 0,
    }
    quarantined = [json.loads(line) for line in Path("out/quarantined.jsonl").read_text().splitlines()]
    assert sorted({line["row"] for line in quarantined}) == waiting
    assert {Path(path).name for path in ended.json["outputs"].values()} == {
        "accepted.jsonl",
        "quarantined.jsonl",
        "held.jsonl",
        "pii.jsonl",
        "report.json",
    }


def test_the_spans_are_in_the_published_form(here, gatekeeper):
    gatekeeper("scan", "data", rows(CLEAN[0], MAIL), "--out", "out", "--policy", "policy.yaml")

    [span] = [json.loads(line) for line in Path("out/pii.jsonl").read_text().splitlines()]
    assert span == {"row": 1, "field": "text", "start": 9, "end": 29, "type": "EMAIL_ADDRESS", "score": span["score"]}


def test_people_read_what_waits_and_where_it_lies(here, gatekeeper):
    ended = gatekeeper("scan", "data", rows(*CLEAN, CARD), "--out", "out", "--policy", "policy.yaml")

    assert "BLOCK" in ended.out
    assert "4 accepted, 1 in quarantine" in ended.out
    assert "gatekeeper quarantine list out" in ended.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(("missing.jsonl", "--out", "out"), 64, "no file", id="no such file"),
        pytest.param(("rows.jsonl",), 64, "--out", id="no folder named"),
        pytest.param(("rows.jsonl", "--out", "rows.jsonl/out"), 64, "cannot be written", id="a file as folder"),
        pytest.param(("rows.jsonl", "--out", "out", "--gate", "data/none"), 64, "no limits", id="an unknown gate"),
        pytest.param(("rows.jsonl", "--out", "out", "--gate", "artifact/format"), 64, "data/pii", id="no data gate"),
        pytest.param(("rows.jsonl", "--out", "out", "--history", "missing.csv"), 64, "no file", id="no such history"),
        pytest.param(("bad.jsonl", "--out", "out"), 30, "line 2", id="a broken line"),
        pytest.param(("empty.jsonl", "--out", "out"), 30, "no rows", id="an empty file"),
        pytest.param(("rows.jsonl", "--out", "out", "--history", "bad.jsonl"), 30, "line 2", id="a broken history"),
        pytest.param(("rows.txt", "--out", "out"), 64, "no format", id="a format we do not read"),
    ],
)
def test_what_is_wrong_is_named_with_its_exit_code(here, gatekeeper, arguments, code, says):
    rows(*CLEAN)
    Path("bad.jsonl").write_text('{"text": "a"}\n{"text": "b"\n{"text": "c"}\n')
    Path("empty.jsonl").touch()
    Path("rows.txt").touch()

    ended = gatekeeper("scan", "data", *arguments, "--policy", "policy.yaml")

    assert ended.code == code
    assert says in " ".join(ended.err.split())
    assert not Path("out/report.json").exists()


def test_what_can_only_be_read_cannot_be_the_folder(here, gatekeeper):
    if os.geteuid() == 0:
        folder = "/proc/self/out"
    else:
        Path("closed").mkdir(mode=0o500)
        folder = "closed/out"

    ended = gatekeeper("scan", "data", rows(*CLEAN), "--out", folder, "--policy", "policy.yaml")

    assert ended.code == 64
    assert "cannot be written" in ended.err


@pytest.fixture
def project(here, gatekeeper, monkeypatch):
    """A project whose policy looks at rows, with dana as an approver."""
    for name in [name for name in os.environ if name.startswith(("GATEKEEPER_", "MLFLOW_TRACKING"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GATEKEEPER_KEYS_DIR", str(here / "own-keys"))
    monkeypatch.setenv("GATEKEEPER_ACTOR", "zelda")
    assert gatekeeper("init").code == 0
    Path("policy.yaml").write_text(_POLICY, encoding="utf-8")
    key = gatekeeper("key", "create", "--as", "dana", "--json").json["key"]
    Path("principals.toml").write_text(
        f'[people.zelda]\nroles = ["submitter"]\n[people.dana]\nroles = ["approver"]\nkey = "{key}"\n'
    )
    assert gatekeeper("trust", "pin").code == 0
    gatekeeper("scan", "data", rows(CLEAN[0], CARD, CLEAN[1], MAIL), "--out", "out", "--policy", "policy.yaml")
    return here


def test_a_reviewer_lists_reads_and_releases(project, gatekeeper):
    listed = gatekeeper("quarantine", "list", "out")
    assert (listed.code, "high-risk" in listed.out, CARD in listed.out) == (0, True, False)

    read = gatekeeper("quarantine", "list", "out", "--rows", "1")
    assert CARD in read.out

    released = gatekeeper("quarantine", "release", "out", "--rows", "1", "--as", "dana", "--because", "Made up.")
    assert released.code == 0, released
    texts = [json.loads(line)["text"] for line in Path("out/accepted.jsonl").read_text().splitlines()]
    assert texts == [CLEAN[0], CARD, CLEAN[1]]

    after = gatekeeper("quarantine", "list", "out", "--json").json
    assert [line["row"] for line in after["waiting"]] == [3]
    assert [line["row"] for line in after["released"]] == [1]
    assert gatekeeper("ledger", "verify").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(("--rows", "0", "--as", "dana", "--because", "x"), 64, "row 0", id="a row that does not wait"),
        pytest.param(("--rows", "one", "--as", "dana", "--because", "x"), 64, "no rows", id="no number"),
        pytest.param(("--rows", "3-1", "--as", "dana", "--because", "x"), 64, "range", id="a range backwards"),
        pytest.param(("--rows", "1", "--as", "dana", "--because", ""), 64, "reason", id="no reason"),
        pytest.param(("--rows", "1", "--as", "dana"), 64, "--because", id="because not given"),
        pytest.param(("--rows", "1", "--because", "x"), 30, "none of the roles", id="somebody who may not"),
        pytest.param(("--rows", "1", "--as", "kim", "--because", "x"), 64, "no signing key", id="no key here"),
    ],
)
def test_a_release_that_cannot_be_is_refused(project, gatekeeper, arguments, code, says):
    ended = gatekeeper("quarantine", "release", "out", *arguments)

    assert ended.code == code
    assert says in " ".join(ended.err.split())
    assert gatekeeper("quarantine", "list", "out", "--json").json["released"] == []


def test_ranges_of_rows_are_released_together(project, gatekeeper):
    arguments = ("--rows", "1, 3-3", "--as", "dana", "--because", "Both are made up.", "--json")

    released = gatekeeper("quarantine", "release", "out", *arguments).json

    assert [(each["row"], each["tests"]) for each in released["released"]] == [(1, ["high-risk"]), (3, ["contact"])]
    assert gatekeeper("quarantine", "list", "out").out.startswith("No row waits.")


def test_a_row_that_would_move_the_cursor_is_shown_harmless(here, gatekeeper):
    rows(CLEAN[0])
    with Path("rows.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"id": "\u202eevil", "text": "Write\u009b2J to runa@kestrelpost.org."}\n')
    gatekeeper("scan", "data", "rows.jsonl", "--out", "out", "--policy", "policy.yaml")

    for ended in (gatekeeper("quarantine", "list", "out"), gatekeeper("quarantine", "list", "out", "--rows", "1")):
        assert ended.code == 0
        assert not {"\u202e", "\u009b"} & set(ended.out)


def test_a_folder_without_a_scan_is_named(here, gatekeeper):
    ended = gatekeeper("quarantine", "list", ".")

    assert ended.code == 30
    assert "no finished scan" in ended.err
