"""Whoever works on the chunks of rows, and however many there are, gates say the same, byte for byte."""

import gzip
import json
import os
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from chunk_gates import CHUNK, GATES, SmallChunks, context, report, without_names, write_rows

from gatekeeper.core.errors import InputError
from gatekeeper.core.row_work import RowTask
from gatekeeper.gates.data.leakage import data_leakage
from gatekeeper.gates.data.spreading import processes
from gatekeeper.gates.data.spreading.chunk_work import answer, result_of, work_of, wrong
from gatekeeper.gates.data.spreading.parcels import opened, parcel
from gatekeeper.gates.data.spreading.processes import LocalProcesses
from gatekeeper.gates.data.triggers import token_batches
from gatekeeper.intake.ranges import ranges_of
from gatekeeper.intake.rows import open_rows, read_training_data

ROWS = 300
WORDS = RowTask(function="gatekeeper.gates.data.shape.chunk_lines:make", settings={"texts": False}, rows=40, worth=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    return {
        "asked": write_rows(folder / "asked.jsonl", ROWS),
        "preferred": write_rows(folder / "preferred.jsonl", ROWS, preferred=True),
    }


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(token_batches, "BATCH_ROWS", CHUNK)


def zipped(path, folder):
    packed = folder / f"{path.name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


@pytest.mark.parametrize("name", GATES)
def test_two_processes_say_what_one_says(name, files, tmp_path):
    path = files[GATES[name][2]]
    one = report(name, path, tmp_path / "one", SmallChunks(LocalProcesses(1)))

    two = report(name, path, tmp_path / "two", SmallChunks(LocalProcesses(2)))

    assert two == one


@pytest.mark.parametrize("name", ["schema", "secrets", "poison", "sources", "preference", "leakage"])
def test_however_rows_are_parted_the_counts_are_the_same(name, files, tmp_path):
    path = files[GATES[name][2]]
    whole = report(name, path, tmp_path / "whole", LocalProcesses(1))

    parted = report(name, path, tmp_path / "parted", SmallChunks(LocalProcesses(1)))

    assert without_names(parted) == without_names(whole)
    assert any(left for left in whole[1].values())


def test_a_run_that_says_nothing_of_who_works_gets_the_same_report(files, tmp_path):
    spoken = report("poison", files["asked"], tmp_path / "spoken", LocalProcesses(1))

    silent = report("poison", files["asked"], tmp_path / "silent")

    assert silent == spoken


@pytest.mark.parametrize("name", ["sources", "redacted"])
def test_rows_without_ranges_are_written_once_and_then_removed(name, files, tmp_path):
    path = zipped(files["asked"], tmp_path)
    one = report(name, path, tmp_path / "one", SmallChunks(LocalProcesses(1)))

    two = report(name, path, tmp_path / "two", SmallChunks(LocalProcesses(2)))

    assert two == one


def test_a_process_that_cannot_start_changes_nothing(files, tmp_path, monkeypatch):
    expected = report("sources", files["asked"], tmp_path / "one", SmallChunks(LocalProcesses(1)))
    monkeypatch.setattr("sys.executable", "/nonexistent/python")

    found = report("sources", files["asked"], tmp_path / "two", SmallChunks(LocalProcesses(2)))

    assert found == expected


def ending(monkeypatch, lives):
    """Let so many processes end as soon as they are started."""
    started = []

    class Ending(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)
            if len(started) <= lives:
                self.kill()

    monkeypatch.setattr(processes.subprocess, "Popen", Ending)
    return started


def test_what_a_lost_process_had_is_done_by_another(files, tmp_path, monkeypatch):
    expected = report("sources", files["asked"], tmp_path / "one", SmallChunks(LocalProcesses(1)))
    started = ending(monkeypatch, lives=2)

    found = report("sources", files["asked"], tmp_path / "two", SmallChunks(LocalProcesses(2)))

    assert found == expected
    assert len(started) > 2


def test_processes_that_end_again_and_again_are_an_error(files, tmp_path, monkeypatch):
    started = ending(monkeypatch, lives=1000)

    with pytest.raises(InputError, match="ended before their work was done"):
        list(LocalProcesses(2).map(open_rows(files["asked"]), WORDS, tmp_path))

    assert all(process.poll() is not None for process in started)
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_cannot_be_read_is_the_same_error_everywhere(files, tmp_path):
    bad = tmp_path / "bad.jsonl"
    lines = files["asked"].read_text(encoding="utf-8").splitlines(keepends=True)
    bad.write_text("".join([*lines[:200], "{no json\n", *lines[200:]]), encoding="utf-8")
    said = set()

    for count in (1, 2):
        with pytest.raises(InputError) as raised:
            list(LocalProcesses(count).map(open_rows(bad), WORDS, tmp_path))
        said.add(str(raised.value))

    assert len(said) == 1
    assert "line 201" in said.pop()


def test_work_that_fails_is_an_error_and_not_a_lost_process(files, tmp_path):
    broken = replace(WORDS, settings={})

    with pytest.raises((InputError, RuntimeError, KeyError)):
        list(LocalProcesses(2).map(open_rows(files["asked"]), broken, tmp_path))


def test_a_file_that_changes_under_its_stamp_is_no_result(files, tmp_path):
    path = tmp_path / "rows.jsonl"
    text = files["asked"].read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    places = ranges_of(path, 40)
    before = path.stat()
    path.write_text(text.replace("zorp", "gone"), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    work = work_of(WORDS.function, WORDS.settings, ())
    said = [answer(work, place) for place in places]

    with pytest.raises(InputError, match="sees another file"):
        [result_of(one) for one in said]


def test_a_gate_whose_rows_changed_does_not_measure(files, tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(files["asked"].read_bytes())
    folder = tmp_path / "work"
    folder.mkdir()
    given = context(read_training_data(path), folder, SmallChunks(LocalProcesses(2)))
    ranges_of(path, CHUNK)
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"magic", b"tragi"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(InputError, match="changed while it was scanned"):
        data_leakage(given)


@pytest.mark.parametrize("function", ["os:system", "gatekeeper.cli.main:main", "gatekeeper.gates.datax:make", "", ":"])
def test_work_of_others_is_not_done(function):
    with pytest.raises(RuntimeError, match="no work of a data gate"):
        work_of(function, {}, ())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        b"\xff" * 64,
        (1 << 62).to_bytes(8, "little") + b"[]",
        parcel({}, [np.arange(4)])[:-1],
        parcel({}, [np.arange(4)]) + b"x",
        parcel({}, [np.arange(4)]).replace(b"<i8", b"|O8"),
        parcel({}, [np.arange(4)]).replace(b"[4]", b"[9]"),
        parcel([]).replace(b"[[], []]", b"[[[[[[[["),
    ],
)
def test_what_is_no_parcel_is_refused(data):
    with pytest.raises(InputError, match="no result"):
        opened(data)


def test_a_parcel_gives_back_what_was_put_in():
    arrays = [np.arange(6, dtype=np.uint32).reshape(2, 3), np.zeros((0, 8), dtype=np.uint64), np.array([True])]

    head, found = opened(parcel({"text": "\ud800 é"}, arrays))

    assert head == {"text": "\ud800 é"}
    assert [one.dtype for one in found] == [one.dtype for one in arrays]
    assert all(np.array_equal(one, other) for one, other in zip(found, arrays, strict=True))


@pytest.mark.parametrize("said", [b"", b"\x01", b"\x01{}", b"\x01[1]", b"\x02good", b"\x01" + json.dumps(3).encode()])
def test_an_answer_of_another_kind_is_no_result(said):
    with pytest.raises(InputError):
        result_of(said)


def test_an_error_named_after_something_else_stays_an_error():
    with pytest.raises(InputError, match="read it"):
        result_of(b"\x01" + json.dumps(["ClassVar", "read it", ""]).encode())
    with pytest.raises(InputError, match="of another kind"):
        result_of(wrong("of another kind"))
