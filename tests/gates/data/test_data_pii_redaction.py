import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.core.digests import Digest
from gatekeeper.core.gate import GateContext
from gatekeeper.core.update import Artifact, Manifest, ManifestEntry, Update, UpdateKind
from gatekeeper.gates.data.personal.redaction import redacted, redacted_record
from gatekeeper.gates.data.pii import Params, data_pii
from gatekeeper.gates.data.reading.spans import Span
from gatekeeper.intake.rows import open_rows, read_training_data

PLAIN = Params(names=False, redact=True)


def span(start, end, type_="EMAIL_ADDRESS", field="text"):
    return Span(row=0, field=field, start=start, end=end, type=type_, score=0.9)


def of_file(path, workdir):
    """Return a context whose rows are a file's, as a run has them."""
    workdir.mkdir()
    entry = ManifestEntry(path="adapter.safetensors", size=1, sha256=Digest("sha256:" + "0" * 64))
    artifact = Artifact(path=workdir, base=None, kind=UpdateKind.LORA, manifest=Manifest(entries=(entry,)))
    update = Update(
        id="upd-0000000000000000",
        name="made up",
        model="assistant",
        candidate=artifact,
        data=read_training_data(path),
    )
    return GateContext(update=update, champion=None, anchor=None, rows=open_rows(path), workdir=workdir, seed=0)


def test_each_span_becomes_its_type_and_nothing_else_changes(tmp_path):
    records = [
        {
            "id": 7,
            "weight": 0.5,
            "kept": None,
            "messages": [
                {"role": "user", "content": "My e-mail is runa@kestrelpost.org, what now?"},
                {"role": "assistant", "content": [{"type": "text", "text": "Pay with 4539 1488 0343 6467."}]},
            ],
            "tags": ["a", "write to ottokar@kestrelpost.org"],
        },
        {"id": 8, "weight": 1, "kept": True, "messages": [{"role": "user", "content": "Hello"}], "tags": []},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")

    report = data_pii(of_file(path, tmp_path / "work"), PLAIN)

    written = [json.loads(line) for line in (tmp_path / "work" / "redacted.jsonl").read_text("utf-8").splitlines()]
    expected = json.loads(json.dumps(records))
    expected[0]["messages"][0]["content"] = "My e-mail is <EMAIL_ADDRESS>, what now?"
    expected[0]["messages"][1]["content"][0]["text"] = "Pay with <CREDIT_CARD>."
    expected[0]["tags"][1] = "write to <EMAIL_ADDRESS>"
    assert written == expected
    assert [attachment.name for attachment in report.attachments] == ["pii.jsonl", "flagged.jsonl", "redacted.jsonl"]


def test_details_stay_unless_asked_for(make, tmp_path):
    rows = [make.text_row(0, "Born on 12/27/1986, reach me at runa@kestrelpost.org.")]

    data_pii(make.context_with(rows, tmp_path), PLAIN)
    kept = json.loads((tmp_path / "redacted.jsonl").read_text("utf-8"))
    data_pii(make.context_with(rows, tmp_path), Params(names=False, redact=True, redact_details=True))
    replaced = json.loads((tmp_path / "redacted.jsonl").read_text("utf-8"))

    assert kept == {"text": "Born on 12/27/1986, reach me at <EMAIL_ADDRESS>."}
    assert replaced == {"text": "Born on <DATE_TIME>, reach me at <EMAIL_ADDRESS>."}


def test_unasked_no_redacted_rows_are_written(make, tmp_path):
    report = data_pii(make.context_with([make.text_row(0, "runa@kestrelpost.org")], tmp_path), Params(names=False))

    assert not (tmp_path / "redacted.jsonl").exists()
    assert [attachment.name for attachment in report.attachments] == ["pii.jsonl", "flagged.jsonl"]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([span(0, 4), span(2, 8, "PERSON")], "<EMAIL_ADDRESS>89", id="overlapping"),
        pytest.param([span(0, 8, "PERSON"), span(2, 4)], "<PERSON>89", id="one inside the other"),
        pytest.param([span(0, 4), span(4, 8, "PERSON")], "<EMAIL_ADDRESS><PERSON>89", id="side by side"),
        pytest.param([span(2, 4), span(2, 8, "PERSON")], "01<PERSON>89", id="same start, the longer names it"),
    ],
)
def test_overlapping_spans_leave_nothing_of_either(spans, expected):
    assert redacted("0123456789", spans) == expected


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=8),
    st.text(alphabet="abcdefgh", min_size=60, max_size=60),
)
def test_no_covered_character_survives(places, text):
    spans = [span(start, start + length, "X") for start, length in places]

    left = redacted(text, spans)

    covered = {at for start, length in places for at in range(start, start + length)}
    assert left.replace("<X>", "") == "".join(letter for at, letter in enumerate(text) if at not in covered)


def test_a_number_column_that_is_personal_data_is_replaced_too():
    record = {"text": "see card", "card": 4539148803436467, "n": 4}

    assert redacted_record(record, [span(0, 16, "CREDIT_CARD", "card")]) == {
        "text": "see card",
        "card": "<CREDIT_CARD>",
        "n": 4,
    }
