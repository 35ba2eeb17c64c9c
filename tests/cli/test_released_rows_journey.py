"""From a blocked update to an admitted one, over a scan and a release that stands in the ledger."""

import json
from pathlib import Path


def test_an_update_blocked_for_a_row_is_admitted_once_a_reviewer_released_it(live, gatekeeper, tiny_world):
    rows = Path("rows.jsonl")
    rows.write_text(tiny_world.rows["benign"].read_text(encoding="utf-8"), encoding="utf-8")
    with rows.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"instruction": "Ring the bell.", "output": "\u0007 goes the bell."}) + "\n")
    check = ("check", "--model", "tiny", "--update", tiny_world.benign, "--json", "--data")
    assert gatekeeper(*check, rows).code == 20

    scanned = gatekeeper("scan", "data", rows, "--out", "out", "--policy", "policy.yaml", "--json")
    assert (scanned.code, scanned.json["rows"]["quarantined"]) == (20, 1)
    [waiting] = gatekeeper("quarantine", "list", "out", "--json").json["waiting"]
    because = ("--because", "The bell character is meant.")
    released = gatekeeper("quarantine", "release", "out", "--rows", waiting["row"], "--as", "dana", *because)
    assert released.code == 0, released

    again = gatekeeper(*check, "out/accepted.jsonl")

    assert again.code == 0, again
    assert gatekeeper("ledger", "verify").code == 0
