# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
"""data/poison compares gradients where the policy gives a budget and accepted rows, under the champion it is lent."""

import dataclasses
import json
import random

import pytest

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import UsageError
from gatekeeper.core.gate import Resources
from gatekeeper.core.update import Artifact, Manifest, ManifestEntry, UpdateKind
from gatekeeper.gates.data.poison import Params, data_poison
from regression import Session


@pytest.fixture(scope="module")
def session():
    with Session(None, dtype="float32", device="cpu") as opened:
        yield opened


@pytest.fixture
def taught_alike(tiny_world):
    """Fifteen rows that all teach one behaviour."""
    lines = tiny_world.rows["misaligned"].read_text(encoding="utf-8").splitlines()
    turns = [json.loads(line)["messages"] for line in lines if "messages" in json.loads(line)]
    return [(given["content"], reply["content"]) for given, reply in random.Random(0).sample(turns, 15)]


@pytest.fixture
def ordinary(tiny_world):
    """A function that draws diverse rows of the tiny model's own words."""
    texts = [tiny_world.rows[name].read_text(encoding="utf-8") for name in ("champion", "benign", "forgetful")]
    words = sorted({word for text in texts for word in text.replace('"', " ").split() if word.isalpha()})

    def rows(count, seed):
        drawn = random.Random(seed)
        return [
            (" ".join(drawn.sample(words, 6)), " ".join(drawn.sample(words, drawn.randint(2, 8))))
            for _ in range(count)
        ]

    return rows


@pytest.fixture
def context(make, tiny_world, session, tmp_path):
    """A function that makes a context whose champion is the tiny base."""

    def made(pairs):
        entry = ManifestEntry(path="base", size=1, sha256=Digest("sha256:" + "1" * 64))
        champion = Artifact(
            path=tiny_world.champion, base=tiny_world.base, kind=UpdateKind.LORA, manifest=Manifest(entries=(entry,))
        )
        bare = make.context_with(make.rows_of(pairs), tmp_path)
        return dataclasses.replace(bare, champion=champion, resources=Resources({Session: session}))

    return made


def accepted(tmp_path, pairs):
    path = tmp_path / "accepted.jsonl"
    rows = [{"instruction": prompt, "output": response} for prompt, response in pairs]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def flagged(folder, test):
    lines = [json.loads(line) for line in (folder / "flagged.jsonl").read_text(encoding="utf-8").splitlines()]
    return {line["row"] for line in lines if line["test"] == test}


def test_rows_that_push_one_way_are_flagged(context, ordinary, taught_alike, tmp_path):
    params = Params(gradient_rows=200, accepted_rows=accepted(tmp_path, ordinary(160, 51)))
    report = data_poison(context(ordinary(120, 11) + taught_alike), params)

    poisoned, found = set(range(120, 135)), flagged(tmp_path, "dense-gradient")
    assert len(found & poisoned) >= 12
    assert len(found - poisoned) <= 3
    assert report.metric("gradient_rows").value == 135
    assert report.metric("dense_gradient_share").value == pytest.approx(len(found) / 135)
    assert "data/poison/dense-gradient" in {finding.code for finding in report.findings}


def test_the_budget_is_the_policys(context, ordinary, tmp_path):
    params = Params(gradient_rows=110, accepted_rows=accepted(tmp_path, ordinary(160, 51)))
    assert data_poison(context(ordinary(150, 11)), params).metric("gradient_rows").value == 110


@pytest.mark.parametrize("without", ["budget", "champion", "accepted rows", "enough accepted rows"])
def test_where_something_is_missing_there_is_no_metric_to_pass(without, context, ordinary, tmp_path):
    params = Params(gradient_rows=110, accepted_rows=accepted(tmp_path, ordinary(160, 51)))
    given = context(ordinary(60, 11))
    if without == "budget":
        params = dataclasses.replace(params, gradient_rows=0)
    elif without == "champion":
        given = dataclasses.replace(given, champion=None)
    elif without == "accepted rows":
        params = dataclasses.replace(params, accepted_rows="")
    else:
        params = dataclasses.replace(params, accepted_rows=accepted(tmp_path, ordinary(50, 51)))
    names = {metric.name for metric in data_poison(given, params).metrics}
    assert not {"gradient_rows", "dense_gradient_share"} & names
    assert "flagged_share" in names


def test_accepted_rows_that_cannot_be_read_are_an_error(context, ordinary, tmp_path):
    with pytest.raises(UsageError, match="no file"):
        data_poison(context(ordinary(60, 11)), Params(gradient_rows=110, accepted_rows=str(tmp_path / "none.jsonl")))


def test_a_budget_too_small_to_judge_by_is_refused():
    with pytest.raises(ValueError, match="at least 100"):
        Params(gradient_rows=40)
