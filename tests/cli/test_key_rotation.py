"""``gatekeeper key rotate``: what was signed before stays good, and no interruption leaves a broken project."""

import json
import sqlite3
from pathlib import Path

import pytest

import gatekeeper.cli.keys as command
from audits.passport.trust import load_trust

MODEL = "tiny"
KEYS = Path(".gatekeeper/keys")
STEPS = ["prepare_key", "pin_trust", "record", "take_over"]


def everything_verifies(gatekeeper, *exports, passports=()):
    """Check the record, old exports and a new one; and passports, where something is live."""
    for arguments in (
        ("ledger", "verify"),
        ("ledger", "export", "now.txt"),
        *(("verify", each) for each in passports),
    ):
        ended = gatekeeper(*arguments)
        assert ended.code == 0, ended
    for file in (*exports, "now.txt"):
        assert gatekeeper("ledger", "verify", file).code == 0


@pytest.mark.parametrize("purpose", ["log", "passport"])
def test_what_was_signed_before_verifies_after(live, gatekeeper, purpose):
    assert gatekeeper("ledger", "export", "before.txt").code == 0
    before = (KEYS / f"{purpose}.pem").read_bytes()

    rotated = gatekeeper("key", "rotate", purpose, "--json")

    assert rotated.code == 0, rotated
    assert (KEYS / f"{purpose}.pem").read_bytes() != before
    assert Path(rotated.json["kept"]).read_bytes() == before
    assert Path(rotated.json["kept"]).stat().st_mode & 0o077 == 0
    everything_verifies(gatekeeper, "before.txt", passports=[f"models:/{MODEL}@champion"])


def test_the_new_key_signs_what_comes_and_the_former_signed_the_hand_over(project, gatekeeper):
    former = load_trust(Path("trust.toml")).log_keys[-1]

    rotated = gatekeeper("key", "rotate", "log", "--destroy-old", "--json")
    gatekeeper("trust", "pin")
    assert gatekeeper("key", "rotate", "passport").code == 0
    assert gatekeeper("ledger", "export", "now.txt").code == 0

    trust = load_trust(Path("trust.toml"))
    assert trust.log_keys == (former, rotated.json["new"])
    with sqlite3.connect(".gatekeeper/gatekeeper.db") as database:
        notes = dict(database.execute("SELECT size, note FROM checkpoints"))
    entry = rotated.json["entry"]
    by = {size: note.rstrip().splitlines()[-1] for size, note in notes.items()}
    assert by[entry + 1].split()[2][:5] != by[max(by)].split()[2][:5]
    assert list(KEYS.glob("log.pem*")) == [KEYS / "log.pem"]


def test_others_can_learn_the_key_before_it_signs(project, gatekeeper):
    prepared = gatekeeper("key", "rotate", "log", "--prepare", "--json")
    again = gatekeeper("key", "rotate", "log", "--prepare", "--json")
    everything_verifies(gatekeeper)
    rotated = gatekeeper("key", "rotate", "log", "--json")

    assert prepared.json["new"] == again.json["new"] == rotated.json["new"]
    assert "entry" not in prepared.json
    assert load_trust(Path("trust.toml")).log_keys[-1] == rotated.json["new"]
    everything_verifies(gatekeeper)


@pytest.mark.parametrize("purpose", ["log", "passport"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hand_over_that_was_cut_off_leaves_a_project_that_works(
    project, gatekeeper, monkeypatch, purpose, step, when
):
    assert gatekeeper("ledger", "export", "before.txt").code == 0
    real = getattr(command, step)

    def dies(*arguments, **options):
        if when == "after":
            real(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, step, dies)
        assert gatekeeper("key", "rotate", purpose).code == 30
    everything_verifies(gatekeeper, "before.txt")

    assert gatekeeper("key", "rotate", purpose, "--json").code == 0
    everything_verifies(gatekeeper, "before.txt")
    with sqlite3.connect(".gatekeeper/gatekeeper.db") as database:
        leaves = [json.loads(leaf) for (leaf,) in database.execute("SELECT leaf FROM ledger_entries ORDER BY seq")]
    said = [leaf["data"] for leaf in leaves if leaf["type"] == "key.rotated"]
    assert len({each["new"] for each in said}) == len(said)
    assert not list(KEYS.glob("*.next"))


def test_a_checkpoint_of_the_former_key_beyond_its_hand_over_is_a_fault(project, gatekeeper):
    from audits.ledger.checkpoint import Checkpoint, checkpoint_text
    from audits.ledger.keys import load_key
    from audits.ledger.note import Note, format_note, sign_note
    from audits.ledger.proofs import root_at
    from gatekeeper.store import entries
    from gatekeeper.store.database import open_store

    rotated = gatekeeper("key", "rotate", "log", "--json")
    assert gatekeeper("key", "rotate", "passport").code == 0
    former, origin = load_key(Path(rotated.json["kept"])), load_trust(Path("trust.toml")).origin
    store = open_store("sqlite:///.gatekeeper/gatekeeper.db")
    with store.reading() as session:
        size = entries.size(session)
        text = checkpoint_text(Checkpoint(origin=origin, size=size, root=root_at(session, size)))
    store.close()
    Path("stolen.txt").write_text(format_note(Note(text=text, signatures=(sign_note(text, origin, former),))))

    verified = gatekeeper("ledger", "verify", "--known", "stolen.txt", "--json")

    assert (verified.code, verified.json["intact"]) == (20, False)
    assert "handed over before" in verified.json["faults"][0]
