"""A scan sorts every row into one place, says why, goes on where it stopped, and writes all of it or nothing."""

import json

import pytest
from scan_gates import flagging, scanning_policy

from gatekeeper.core.errors import InputError, StateError, UsageError
from gatekeeper.core.gate import SilentProgress
from gatekeeper.core.verdict import Outcome
from gatekeeper.pipeline.collect import Watcher
from gatekeeper.pipeline.scan.outputs import report_schema
from gatekeeper.pipeline.scan.report import Asked
from gatekeeper.pipeline.scan.run import scan
from gatekeeper.pipeline.turns import turn


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"text": "row {n}",  "id": "r{n}"}}\n' for n in range(9)), encoding="utf-8")
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


class Told(SilentProgress):
    """Remembers what work was begun."""

    def __init__(self):
        self.labels = []

    def start(self, label, total):
        self.labels.append(label)


def run(rows, out, *gates, histories=(), progress=None, **more):
    policy, catalogue = scanning_policy(gates, **more)
    asked = Asked(file=rows, out=out, policy=policy, scanned=policy, histories=tuple(histories))
    return scan(asked, catalogue, watcher=Watcher(), progress=progress or SilentProgress())


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def everything(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and ".scan" not in path.parts
    }


def test_each_row_is_accepted_as_it_was_read_or_waits_with_its_reasons(rows, out):
    odd = flagging("data/odd", lambda row: row.index % 2)
    third = flagging("data/third", lambda row: row.index % 3 == 0)

    found = run(rows, out, odd, third)

    read = rows.read_text(encoding="utf-8").splitlines()
    assert (out / "accepted.jsonl").read_text(encoding="utf-8").splitlines() == [read[n] for n in (2, 4, 8)]
    assert [(line["row"], line["gate"]) for line in lines(out / "quarantined.jsonl")] == [
        (0, "data/third"),
        (1, "data/odd"),
        (3, "data/odd"),
        (3, "data/third"),
        (5, "data/odd"),
        (6, "data/third"),
        (7, "data/odd"),
    ]
    assert list(lines(out / "quarantined.jsonl")[0]) == ["row", "id", "gate", "test", "reason", "release"]
    assert [line["record"] for line in lines(out / "held.jsonl")] == [read[n] for n in (0, 1, 3, 5, 6, 7)]
    assert (found.rows.read, found.rows.accepted, found.rows.quarantined, found.rows.withheld) == (9, 3, 6, 0)
    assert found.verdict.outcome is Outcome.BLOCK


def test_the_report_has_its_published_shape_and_names_the_files_beside_it(rows, out):
    import jsonschema

    from gatekeeper.core.digests import sha256_file

    run(rows, out, flagging("data/odd", lambda row: row.index % 2))

    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.validate(report, report_schema())
    for name, facts in report["outputs"].items():
        assert facts == {"sha256": sha256_file(out / name), "size": (out / name).stat().st_size}
    for attachment in report["gates"][0]["attachments"]:
        assert sha256_file(out / attachment["path"]) == attachment["sha256"]


def test_what_waits_is_for_its_owner_alone(rows, out):
    run(rows, out, flagging("data/odd", lambda row: row.index % 2))

    assert all((out / name).stat().st_mode & 0o077 == 0 for name in ("held.jsonl", ".scan"))


@pytest.mark.parametrize("ending", ["json", "csv", "parquet"])
def test_rows_of_every_format_are_accepted_as_the_same_values(rows, tmp_path, out, ending):
    import pandas as pd

    records = lines(rows)
    path = tmp_path / f"rows.{ending}"
    if ending == "json":
        path.write_text(json.dumps(records), encoding="utf-8")
    else:
        table = pd.DataFrame(records)
        table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)

    run(path, out, flagging("data/odd", lambda row: row.index % 2))

    assert lines(out / "accepted.jsonl") == records[::2]


def test_a_second_scan_gives_the_same_bytes_whether_or_not_reports_were_kept(rows, out, tmp_path):
    gates = (flagging("data/odd", lambda row: row.index % 2), flagging("data/none"))

    run(rows, out, *gates)
    first = everything(out)
    run(rows, out, *gates)
    run(rows, tmp_path / "other", *gates)

    assert everything(out) == first == everything(tmp_path / "other")


def test_an_interrupted_scan_goes_on_after_the_gates_that_had_finished(rows, out):
    ran = []

    def interrupt(context):
        raise KeyboardInterrupt

    first = flagging("data/first", lambda row: row.index == 2, runs=ran)
    with pytest.raises(KeyboardInterrupt):
        run(rows, out, first, flagging("data/second", runs=ran, then=interrupt))
    assert everything(out) == {}

    run(rows, out, first, flagging("data/second", runs=ran))

    assert ran == ["data/first", "data/second", "data/second"]
    assert [line["row"] for line in lines(out / "quarantined.jsonl")] == [2]


def _change_file(rows, out):
    rows.write_text(rows.read_text(encoding="utf-8") + '{"text": "one more"}\n', encoding="utf-8")
    return {}


def _change_kept(rows, out):
    for kept in (out / ".scan").rglob("flagged.jsonl"):
        kept.write_text("", encoding="utf-8")
    return {}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_change_file, id="another file"),
        pytest.param(_change_kept, id="an attachment that was touched"),
        pytest.param(lambda rows, out: {"version": 2}, id="another version of the gate"),
        pytest.param(lambda rows, out: {"extra": "seed: 7\n"}, id="another policy"),
        pytest.param(lambda rows, out: {"histories": [rows]}, id="another history"),
    ],
)
def test_a_kept_report_counts_only_for_exactly_what_it_was_made_from(rows, out, change):
    ran = []
    run(rows, out, flagging("data/odd", lambda row: row.index % 2, runs=ran))

    changed = change(rows, out)
    version = changed.pop("version", 1)
    run(rows, out, flagging("data/odd", lambda row: row.index % 2, runs=ran, version=version), **changed)

    assert len(ran) == 2
    assert len(lines(out / "quarantined.jsonl")) in (4, 5)


def test_a_gate_that_failed_is_tried_again_and_meanwhile_nothing_is_accepted(rows, out):
    def fail(context):
        raise ValueError("broken")

    failed = run(rows, out, flagging("data/odd", lambda row: row.index % 2), flagging("data/bad", then=fail))

    assert failed.verdict.outcome is Outcome.BLOCK
    assert (failed.rows.accepted, failed.rows.quarantined, failed.rows.withheld) == (0, 4, 5)
    assert (out / "accepted.jsonl").read_bytes() == b""

    mended = run(rows, out, flagging("data/odd", lambda row: row.index % 2), flagging("data/bad"))

    assert mended.rows.accepted == 5


@pytest.mark.parametrize(("vote", "accepted"), [("block", 0), ("review", 9)])
def test_rows_no_gate_could_measure_are_accepted_only_where_the_policy_leaves_them_to_people(
    rows, out, vote, accepted
):
    found = run(rows, out, flagging("data/few", unmeasured=True), unmeasured=vote)

    assert found.verdict.outcome is Outcome[vote.upper()]
    assert found.rows.accepted == accepted


def test_a_file_that_changes_while_it_is_scanned_leaves_nothing(rows, out):
    def change(context):
        rows.write_text('{"text": "another"}\n', encoding="utf-8")

    found = []
    with pytest.raises(InputError, match="changed while"):
        found.append(run(rows, out, flagging("data/odd", then=change)))

    assert found == []
    assert everything(out) == {}


def test_a_file_that_changed_and_changed_back_before_the_end_leaves_nothing(rows, out):
    before = rows.read_bytes()

    def change(context):
        rows.write_text('{"text": "another"}\n', encoding="utf-8")
        rows.write_bytes(before)

    with pytest.raises(InputError, match="changed while"):
        run(rows, out, flagging("data/odd", then=change))

    assert everything(out) == {}


def test_a_file_that_changes_and_changes_back_is_scanned_anew(rows, out):
    before, ran = rows.read_bytes(), []

    def change(context):
        rows.write_text('{"text": "another"}\n', encoding="utf-8")

    with pytest.raises(InputError):
        run(rows, out, flagging("data/odd", then=change, runs=ran))
    rows.write_bytes(before)
    run(rows, out, flagging("data/odd", runs=ran))

    assert ran == ["data/odd", "data/odd"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "no rows", id="an empty file"),
        pytest.param(b'{"text": "a"}\n{"text": \n{"text": "c"}\n', "line 2", id="a broken line in the middle"),
        pytest.param(b'{"text": "a"}\n{"text": "\xff"}\n', "not UTF-8", id="bytes that are no UTF-8"),
        pytest.param(b'{"text": "a"}\n[1]\n', "no JSON object", id="a line that is no object"),
        pytest.param(b'{"text": "a"}\n{"text": "b", "text": "c"}\n', "stands twice", id="a key twice"),
    ],
)
def test_a_file_nobody_can_read_stops_before_any_gate(rows, out, content, says):
    ran = []
    rows.write_bytes(content)

    with pytest.raises(InputError, match=says):
        run(rows, out, flagging("data/odd", runs=ran))

    assert ran == []
    assert everything(out) == {}


def test_a_row_of_ten_megabytes_goes_through_whole(rows, out):
    long = json.dumps({"text": "word " * 2_000_000})
    rows.write_text(rows.read_text(encoding="utf-8") + long + "\n", encoding="utf-8")

    found = run(rows, out, flagging("data/long", lambda row: len(row.response) > 1000))

    assert found.rows.quarantined == 1
    assert lines(out / "held.jsonl")[0]["record"] == long


def test_only_one_scan_writes_into_a_folder_at_a_time(rows, out):
    (out / ".scan").mkdir(parents=True)

    with turn(out / ".scan" / "lock"), pytest.raises(StateError, match="Another scan"):
        run(rows, out, flagging("data/odd"))


def test_a_folder_that_cannot_be_written_is_named(rows, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="cannot be written"):
        run(rows, tmp_path / "file" / "out", flagging("data/odd"))


def test_a_scan_never_overwrites_what_it_reads(out):
    (out / ".scan").mkdir(parents=True)
    (out / "accepted.jsonl").write_text('{"text": "a"}\n', encoding="utf-8")

    with pytest.raises(UsageError, match="overwritten"):
        run(out / "accepted.jsonl", out, flagging("data/odd"))

    assert (out / "accepted.jsonl").read_text(encoding="utf-8") == '{"text": "a"}\n'


@pytest.mark.parametrize("name", ["report.json", "evidence"])
def test_what_no_scan_wrote_is_never_overwritten(rows, out, name):
    (out / name).mkdir(parents=True)

    with pytest.raises(UsageError, match="no scan wrote"):
        run(rows, out, flagging("data/odd"))

    assert [path.name for path in out.iterdir()] == [name]


def test_a_killed_scan_leaves_no_half_written_rows_to_the_next(rows, out):
    (out / ".scan" / "new").mkdir(parents=True)
    (out / ".scan" / "new" / "pii.jsonl").write_text("half", encoding="utf-8")

    run(rows, out, flagging("data/odd"))

    assert "pii.jsonl" not in everything(out)


def test_a_flag_for_a_row_that_is_not_there_stops_the_scan(rows, out):
    def beyond(context):
        pass

    strange = flagging("data/odd", lambda row: True, then=beyond)
    policy, catalogue = scanning_policy((strange,))

    def measure(context, params):
        (context.workdir / "flagged.jsonl").write_text('{"row": 99, "test": "t"}\n')
        return strange.measured(attachments=(context.attach("flagged.jsonl"),))

    import dataclasses

    catalogue = {"data/odd": dataclasses.replace(strange, measure=measure)}
    asked = Asked(file=rows, out=out, policy=policy, scanned=policy)
    with pytest.raises(InputError, match="flags row 99"):
        scan(asked, catalogue, watcher=Watcher(), progress=SilentProgress())


def test_rows_compared_with_are_counted_and_named_in_the_report(rows, out):
    run(rows, out, flagging("data/odd"), histories=[rows, rows])

    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["history"]["rows"] == 18
    assert [file["name"] for file in report["history"]["files"]] == ["rows.jsonl", "rows.jsonl"]
    assert {metric["name"]: metric["value"] for metric in report["gates"][0]["metrics"]}["history"] == 18


def _other_rows(past, out):
    past.write_text('{"text": "new"}\n', encoding="utf-8")


def _other_counts(past, out):
    sketch = out / ".scan" / "history" / "sketch"
    sketch.write_bytes(sketch.read_bytes()[::-1])


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        pytest.param(lambda past, out: None, 0, id="the same rows"),
        pytest.param(_other_rows, 1, id="other rows"),
        pytest.param(_other_counts, 1, id="counts that were touched"),
    ],
)
def test_rows_compared_with_are_counted_once_for_the_same_bytes(rows, out, tmp_path, change, counted):
    past = tmp_path / "past.jsonl"
    past.write_bytes(rows.read_bytes())
    run(rows, out, flagging("data/odd"), histories=[past])

    change(past, out)
    told = Told()
    run(rows, out, flagging("data/odd"), histories=[past], progress=told)

    assert told.labels.count("history") == counted
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["history"]["rows"] == (1 if change is _other_rows else 9)


def test_counts_of_rows_that_changed_meanwhile_are_not_kept(rows, out, tmp_path):
    past = tmp_path / "past.jsonl"
    past.write_bytes(rows.read_bytes())

    class Meddling(Told):
        def start(self, label, total):
            super().start(label, total)
            if label == "history":
                past.write_text('{"text": "new"}\n', encoding="utf-8")

    with pytest.raises(InputError, match="changed while"):
        run(rows, out, flagging("data/odd"), histories=[past], progress=Meddling())
    past.write_bytes(rows.read_bytes())
    run(rows, out, flagging("data/odd"), histories=[past], progress=(told := Told()))

    assert told.labels.count("history") == 1
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["history"]["rows"] == 9
