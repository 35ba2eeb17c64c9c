"""What a person does from an empty folder to a live update, with a real MLflow behind it."""

import json

MODEL = "tiny"


def test_from_an_empty_folder_to_a_live_update(live, gatekeeper, tiny_world):
    checked = gatekeeper(
        "check",
        "--model",
        MODEL,
        "--update",
        tiny_world.benign,
        "--data",
        tiny_world.rows["benign"],
        "--json",
        "--report",
        "html=report.html",
        "--report",
        "json=report.json",
        "--report",
        "markdown=report.md",
        "--report",
        "junit=report.xml",
        "--report",
        "sarif=report.sarif",
    )
    update = checked.json["updates"][0]
    approved = gatekeeper("approve", update["id"], "--as", "dana", "--comment", "fine", "--json")
    promoted = gatekeeper("promote", update["id"], "--json")
    status = gatekeeper("status", "--json")
    ledger = gatekeeper("ledger", "verify", "--json")

    assert (checked.code, update["outcome"], update["state"]) == (0, "ADMIT", "PENDING_APPROVAL")
    assert approved.json["state"] == "APPROVED"
    assert (promoted.json["version"], promoted.json["previous"]) == ("2", "1")
    assert status.json["aliases"] == {MODEL: {"anchor": "1", "champion": "2"}}
    assert [line["state"] for line in status.json["updates"]] == ["ACTIVE", "SUPERSEDED"]
    assert (ledger.code, ledger.json["intact"]) == (0, True)
    assert json.loads((live / "report.json").read_text())["updates"][0]["name"] == "benign"
    for name in ("report.html", "report.md", "report.xml", "report.sarif"):
        assert (live / name).stat().st_size > 500


def test_a_report_after_the_first_promotion_draws_the_lineage(live, gatekeeper, tiny_world):
    update = ("--update", tiny_world.benign, "--data", tiny_world.rows["benign"])
    checked = gatekeeper("check", "--model", MODEL, *update, "--report", "html=first.html", "--json")
    name = checked.json["updates"][0]["id"]
    gatekeeper("approve", name, "--as", "dana", "--comment", "fine", "--json")
    gatekeeper("promote", name, "--json")

    gatekeeper("check", "--model", MODEL, "--update", tiny_world.misaligned, "--report", "html=second.html", "--json")

    assert 'class="lineage"' not in (live / "first.html").read_text(encoding="utf-8")
    drawn = (live / "second.html").read_text(encoding="utf-8")
    assert 'class="lineage"' in drawn
    assert "<title>version 2: " in drawn


def test_a_blocked_update_ends_with_twenty_and_says_why(live, gatekeeper, tiny_world):
    checked = gatekeeper(
        "check", "--model", MODEL, "--update", tiny_world.misaligned, "--data", tiny_world.rows["misaligned"], "--json"
    )
    update = checked.json["updates"][0]
    explained = gatekeeper("policy", "explain", update["id"])

    assert (checked.code, update["outcome"], update["state"]) == (20, "BLOCK", "BLOCKED")
    assert {reason["gate"] for reason in update["reasons"]} == {"behaviour/refusal"}
    assert set(update["reasons"][0]) >= {"gate", "code", "text"}
    assert "behaviour/refusal/harmful" in explained.out


def test_a_blocked_update_is_no_version_anyone_could_point_to(live, gatekeeper, tiny_world):
    gatekeeper(
        "check", "--model", MODEL, "--update", tiny_world.misaligned, "--data", tiny_world.rows["misaligned"], "--json"
    )

    status = gatekeeper("status", "--json")

    assert status.json["updates"][0]["version"] is None
    assert status.json["aliases"][MODEL]["champion"] == "1"


def test_init_twice_changes_nothing(project, gatekeeper):
    before = {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()}

    again = gatekeeper("init", "--json")

    assert (again.code, again.json["written"]) == (0, [])
    assert {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()} == before


def test_the_table_for_people_names_the_next_step(live, gatekeeper, tiny_world):
    checked = gatekeeper("check", "--model", MODEL, "--update", tiny_world.benign, "--data", tiny_world.rows["benign"])

    assert checked.code == 0
    assert "gatekeeper approve upd-" in checked.out
