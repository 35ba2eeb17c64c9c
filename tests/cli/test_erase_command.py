"""``gatekeeper ledger erase`` as a person meets it."""

import tomllib
from pathlib import Path

import pytest

MODEL = "tiny"


def take_out(name):
    """Remove a person from principals.toml."""
    text = Path("principals.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition(f"[people.{name}]")
    after = rest.find("[people.")
    Path("principals.toml").write_text(head + (rest[after:] if after >= 0 else ""), encoding="utf-8")
    assert name not in tomllib.loads(Path("principals.toml").read_text(encoding="utf-8"))["people"]


def test_record_export_and_passport_verify_after_a_person_and_a_text_were_erased(live, gatekeeper):
    first = gatekeeper("status", "--json").json["updates"][0]["id"]
    assert gatekeeper("ledger", "export", "before.txt").code == 0
    take_out("dana")

    erased = gatekeeper("ledger", "erase", "--person", "dana", "--as", "kim", "--yes", "--json")
    nothing = gatekeeper("ledger", "erase", "--about", first, "--yes")

    assert (erased.code, len(erased.json["subjects"])) == (0, 1), erased
    assert nothing.code == 64
    assert gatekeeper("ledger", "verify").code == 0
    assert gatekeeper("ledger", "export", "after.txt").code == 0
    for file in ("before.txt", "after.txt"):
        assert gatekeeper("ledger", "verify", file).code == 0
    assert gatekeeper("verify", f"models:/{MODEL}@champion").code == 0


def test_a_person_who_can_still_act_is_not_erased(live, gatekeeper):
    refused = gatekeeper("ledger", "erase", "--person", "dana", "--yes")

    assert (refused.code, "principals.toml" in refused.err) == (30, True)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="nothing named"),
        pytest.param(("--person", "dana", "--about", "upd-1", "--yes"), id="two things named"),
        pytest.param(("--person", "dana"), id="nobody there to be asked"),
        pytest.param(("--text", "sha256:" + "0" * 64, "--yes"), id="no such text"),
    ],
)
def test_what_is_not_said_clearly_erases_nothing(project, gatekeeper, options):
    before = gatekeeper("ledger", "verify", "--json").json

    assert gatekeeper("ledger", "erase", *options).code == 64
    assert gatekeeper("ledger", "verify", "--json").json == before
