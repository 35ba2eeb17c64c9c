"""Killed, or short of memory: an evaluation goes on where it was and ends with the same numbers."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from regression import ModelError, OutOfMemory, Session, load_suite, scoring

ROOT = Path(__file__).parents[2]
DIES = """
import os, signal, sys
from pathlib import Path
import torch
from regression import ModelRef, Session, load_suite

base, adapter, suite, cache, threads = sys.argv[1:]
torch.set_num_threads(int(threads))

def die(standing):
    if standing.items_done > standing.items_total / 3:
        os.kill(os.getpid(), signal.SIGKILL)

with Session(Path(cache), batch_tokens=48, batch_replies=8, progress=die) as session:
    session.evaluate(ModelRef(base=Path(base), adapter=Path(adapter)), load_suite(Path(suite)))
"""
SMALL = {"batch_tokens": 48, "batch_replies": 8}


@pytest.mark.parametrize("name", ["knowledge", "instructions", "prose"])
def test_a_killed_process_leaves_what_it_finished_and_the_next_ends_the_same(tmp_path, tiny_world, refs, name):
    ref, path = refs["champion"], tiny_world.suites[name]
    with Session(None, **SMALL) as whole:
        expected = whole.evaluate(ref, load_suite(path))

    killed = subprocess.run(
        [sys.executable, "-c", DIES, ref.base, ref.adapter, path, tmp_path, str(torch.get_num_threads())],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=300,
        check=False,
    )
    with Session(tmp_path, **SMALL) as second:
        resumed = second.evaluate(ref, load_suite(path))

    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert 0 < resumed.cached < len(resumed.items)
    assert resumed.items == expected.items


class Small:
    """A machine whose memory holds only so many rows at once."""

    def __init__(self, rows):
        self.rows = rows
        self.whole = scoring.run_units
        self.asked = []

    def __call__(self, model, items, units, *, most, **how):
        count = max(map(len, scoring.in_turns([row for unit in units for row in unit.rows], most)))
        self.asked.append(count)
        if count > self.rows:
            raise torch.OutOfMemoryError("out of memory")
        return self.whole(model, items, units, most=most, **how)


def after_prose(suites):
    """The knowledge items, each after a text of its own, so that they need several rows."""
    texts = [item.text for item in suites["prose"].items]
    items = tuple(
        dataclasses.replace(item, prompt=f"{texts[n % len(texts)]} {item.prompt}")
        for n, item in enumerate(suites["knowledge"].items)
    )
    return dataclasses.replace(suites["knowledge"], items=items)


@pytest.mark.parametrize("name", ["knowledge", "prose"])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(tmp_path, monkeypatch, refs, suites, name):
    suite = after_prose(suites) if name == "knowledge" else suites[name]
    with Session(None, dtype="float32") as whole:
        expected = whole.evaluate(refs["champion"], suite)
    small = Small(1)
    monkeypatch.setattr(scoring, "run_units", small)

    with Session(tmp_path, dtype="float32") as session:
        found = session.evaluate(refs["champion"], suite)
    ran = len(small.asked)
    with Session(tmp_path, dtype="float32") as session:
        again = session.evaluate(refs["champion"], suite)

    assert max(small.asked) > 1
    for one, other in zip(found.items, expected.items, strict=True):
        assert [value for _, value in one.values] == pytest.approx([value for _, value in other.values], abs=1e-4)
    assert again.items == found.items
    assert small.asked[ran:].count(1) == 0, "halves are found, only what does not fit is tried again"


def test_where_not_even_one_row_fits_the_evaluation_ends_with_an_error(monkeypatch, refs, suites):
    monkeypatch.setattr(scoring, "run_units", Small(0))

    with Session(None) as session, pytest.raises(OutOfMemory, match="memory"):
        session.evaluate(refs["champion"], suites["knowledge"])


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch, refs, suites):
    def broken(*_args, **_how):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(scoring, "run_units", broken)

    with Session(None) as session, pytest.raises(ModelError, match="shapes do not match") as caught:
        session.evaluate(refs["champion"], suites["knowledge"])
    assert not isinstance(caught.value, OutOfMemory)
