"""A judge of another package scores in its own process; late, failing or odd, it leaves its item unmeasured."""

import json
import math

import pytest

from regression import ModelRef, Session, SuiteError, UnmeasuredError, load_suite, proportion
from regression.judges import read_judge
from regression.plugin_judges import Plugin

CODE = """
import time

def length(reply, fields):
    print("what a judge prints is no answer")
    return min(1.0, len(reply) / fields["most"])

def late(reply, fields):
    if fields.get("always") or "fox" in reply:
        time.sleep(60)
    return 1.0

def odd(reply, fields):
    return {"nan": float("nan"), "two": 2.0}[fields["value"]]

def failing(reply, fields):
    raise LookupError("no dictionary here")

def ending(reply, fields):
    import os
    os._exit(3)
"""
NAMES = ("length", "late", "odd", "failing", "ending")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that brings judges."""
    folder = tmp_path / "site"
    info = folder / "outside_judges-1.2.dist-info"
    info.mkdir(parents=True)
    (folder / "outside_judges.py").write_text(CODE, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-judges\nVersion: 1.2\n", encoding="utf-8")
    lines = [f"{name} = outside_judges:{name}" for name in NAMES] + ["absent = outside_judges:absent"]
    (info / "entry_points.txt").write_text("[gatekeeper.judges]\n" + "\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_it_scores_and_is_never_decided_early(package):
    judge = read_judge({"type": "length", "most": 8})

    assert isinstance(judge, Plugin)
    assert judge.package == "outside-judges 1.2"
    assert [judge.score("four"), judge.score("eightfold"), judge.score("äöü\n")] == [0.5, 1.0, 0.5]
    assert not judge.decided("eightfold")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        pytest.param({"type": "late", "always": True, "seconds": 0.2}, "no score within 0.2 seconds", id="late"),
        pytest.param({"type": "odd", "value": "nan"}, "gives nan", id="NaN"),
        pytest.param({"type": "odd", "value": "two"}, "gives 2.0", id="out of range"),
        pytest.param({"type": "failing"}, "LookupError: no dictionary here", id="failing"),
        pytest.param({"type": "ending"}, "ended without a score", id="ending"),
        pytest.param({"type": "absent"}, "cannot be loaded", id="not there"),
    ],
)
def test_a_judge_without_a_score_leaves_its_item_unmeasured(package, tmp_path, tiny_world, row, sentence):
    rows = [
        {"suite": "s", "version": 1, "kind": "generate"},
        *(
            {"id": n, "cluster": n, "topic": "t", "prompt": "The old", "judge": judge, "max_new_tokens": 2}
            for n, judge in (("a", row), ("b", {"type": "regex", "pattern": "."}))
        ),
    ]
    path = tmp_path / "s.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    with Session(None, dtype="float32", device="cpu") as session:
        result = session.evaluate(ModelRef(base=tiny_world.base), load_suite(path))

    assert math.isnan(result.items[0].score)
    assert result.items[0].error.startswith("item 'a': the judge")
    assert sentence in result.items[0].error
    assert result.items[1].score == 1.0
    with pytest.raises(UnmeasuredError, match="not finite"):
        proportion(result)


def test_a_judge_works_again_after_it_was_ended(package):
    slow = read_judge({"type": "late", "seconds": 0.2})

    with pytest.raises(Exception, match="no score within"):
        slow.score("a fox")
    assert slow.score("a hen") == 1.0


def test_a_judge_no_package_brings_is_refused_when_the_suite_is_read(tmp_path):
    rows = [
        {"suite": "s", "version": 1, "kind": "generate"},
        {"id": "a", "cluster": "a", "topic": "t", "prompt": "x", "judge": {"type": "gone"}, "max_new_tokens": 2},
    ]
    path = tmp_path / "s.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    with pytest.raises(SuiteError, match="line 2: unknown judge type 'gone'"):
        load_suite(path)
