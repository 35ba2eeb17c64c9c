"""Two administrators put a blocked update live, and everything that shows it says so."""

from pathlib import Path

import pytest

MODEL = "tiny"


@pytest.fixture
def admins(live, gatekeeper):
    """The live project with two administrators."""
    keys = {name: gatekeeper("key", "create", "--as", name, "--json").json["key"] for name in ("ada", "abe")}
    with Path("principals.toml").open("a", encoding="utf-8") as people:
        people.writelines(f'[people.{name}]\nroles = ["admin"]\nkey = "{key}"\n' for name, key in keys.items())
    assert gatekeeper("trust", "pin").code == 0
    return live


@pytest.fixture
def blocked(admins, gatekeeper, tiny_world):
    """The id of an update that forgot what the champion knows."""
    checked = gatekeeper(
        "check", "--model", MODEL, "--update", tiny_world.forgetful, "--data", tiny_world.rows["forgetful"], "--json"
    )
    assert checked.code == 20
    return checked.json["updates"][0]["id"]


def test_the_whole_way_in_three_commands_and_a_review_in_three_more(blocked, gatekeeper):
    about = ("--incident", "INC-7", "--because", "the live one answers nothing")
    asked = gatekeeper("break-glass", blocked, *about, "--hours", "24", "--as", "ada", "--json")
    waiting = gatekeeper("status")
    agreed = gatekeeper("approve", asked.json["request"], "--as", "abe")
    promoted = gatekeeper("promote", blocked, "--json")
    verified = gatekeeper("verify", f"models:/{MODEL}@champion")
    shown = gatekeeper("status")

    assert (asked.code, asked.json["given"], asked.json["required"]) == (0, 1, 2), asked
    assert f"{asked.json['request']}: break-glass of {blocked}, 1 of 2 signatures" in waiting.out
    assert (agreed.code, "2 of 2 signatures" in agreed.out) == (0, True), agreed
    assert (promoted.code, promoted.json["state"]) == (0, "ACTIVE"), promoted
    assert (verified.code, "overruled" in verified.out) == (0, True), verified
    assert "live over its verdict until" in shown.out

    keep = gatekeeper("break-glass", blocked, "--review", "--because", "the suite was wrong", "--as", "abe", "--json")
    assert gatekeeper("approve", keep.json["request"], "--as", "ada").code == 0
    assert gatekeeper("promote", blocked).code == 0
    assert gatekeeper("verify", f"models:/{MODEL}@champion", "--json").json["binding"]["kind"] == "review"
    assert "live over its verdict" not in gatekeeper("status").out
    assert gatekeeper("ledger", "verify").code == 0


def test_an_approver_cannot_break_it(blocked, gatekeeper):
    ended = gatekeeper("break-glass", blocked, "--incident", "INC-7", "--because", "x", "--as", "dana")

    assert (ended.code, "none of the roles" in ended.err) == (30, True), ended


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--because", "x"), id="no incident"),
        pytest.param(("--incident", "INC-7"), id="no justification"),
        pytest.param(("--incident", "INC-7", "--because", "x", "--hours", "100"), id="too long"),
        pytest.param(("--incident", "INC-7", "--because", "x", "--review"), id="a review of another incident"),
    ],
)
def test_what_is_missing_is_a_usage_error(blocked, gatekeeper, options):
    assert gatekeeper("break-glass", blocked, *options, "--as", "ada").code == 64


def test_a_request_that_does_not_exist_is_a_usage_error(admins, gatekeeper):
    assert gatekeeper("approve", "req-0000", "--as", "ada").code == 64
    assert gatekeeper("reject", "req-0000", "--as", "ada").code == 64


def test_the_anchor_moves_by_two(live, gatekeeper, tiny_world):
    checked = gatekeeper(
        "check", "--model", MODEL, "--update", tiny_world.benign, "--data", tiny_world.rows["benign"], "--json"
    )
    update = checked.json["updates"][0]["id"]
    assert gatekeeper("approve", update, "--as", "dana").code == 0
    assert gatekeeper("promote", update).code == 0

    asked = gatekeeper("promote", update, "--anchor", "--as", "dana", "--json")
    alone = gatekeeper("promote", update)
    agreed = gatekeeper("approve", asked.json["request"], "--as", "kim")
    moved = gatekeeper("promote", update, "--json")

    assert (asked.code, alone.code, agreed.code, moved.code) == (0, 30, 0, 0)
    assert (moved.json["aliases"], moved.json["previous"]) == (["anchor"], "1")
    assert gatekeeper("verify", f"models:/{MODEL}@anchor").code == 0
    assert gatekeeper("verify", f"models:/{MODEL}@champion").code == 0
