"""What runs on a node of the cluster, in this process: it computes what it was asked, or says why not."""

import json
import shutil

import pytest

from gatekeeper.runtime.ray.evaluator import Evaluator, refusal
from gatekeeper.runtime.ray.messages import error_of, line, plain_ref, plain_task, read, write_suite_body
from regression import ModelError, ModelRef, Session, ShardError, load_suite
from regression.shards import read_answers, shard_of

FOREVER = 1e9


@pytest.fixture
def evaluator():
    return Evaluator(FOREVER)


@pytest.fixture
def suite(tiny_world):
    return load_suite(tiny_world.suites["knowledge"])


@pytest.fixture
def own(tiny_world, tmp_path):
    """A champion in folders of this test's own."""
    base = shutil.copytree(tiny_world.base, tmp_path / "base")
    return ModelRef(base=base, adapter=shutil.copytree(tiny_world.champion, tmp_path / "champion"))


@pytest.fixture
def task(own, suite):
    """The shard that a session would have computed elsewhere."""
    with Session(None, dtype="float32") as session:
        walk = session._walk(own, session._work(own, suite, seed=0))
        return walk._task(shard_of(walk.work, [0], walk.about, walk.most))


def asked(evaluator, task, **other):
    fields = {**plain_task(task), **other}
    return read(evaluator.answer(line(**fields), write_suite_body(task.suite)))


def about(evaluator, ref, digest):
    return read(evaluator.about(line(model=plain_ref(ref), model_digest=digest, dtype="float32")))


def test_it_answers_with_the_keys_it_was_asked_for(evaluator, task):
    answers = read_answers(asked(evaluator, task)["answers"].encode())

    assert tuple(key for key, _ in answers) == task.keys


def test_asked_again_it_gives_the_same_bytes_and_computes_nothing(evaluator, task, monkeypatch):
    first = evaluator.answer(line(**plain_task(task)), write_suite_body(task.suite))
    monkeypatch.setattr(Session, "answer", None)

    assert evaluator.answer(line(**plain_task(task)), write_suite_body(task.suite)) == first


def test_it_keeps_the_base_loaded(evaluator, task):
    asked(evaluator, task)
    base = evaluator._session._base[1]
    asked(evaluator, task, name="another name for the same work")

    assert evaluator._session._base[1] is base


@pytest.mark.parametrize("file", ["base/model.safetensors", "base/tokenizer.json", "champion/adapter_config.json"])
def test_bytes_that_are_not_the_ones_meant_are_not_loaded(evaluator, task, own, tmp_path, monkeypatch, file):
    changed = tmp_path / file
    changed.write_bytes(changed.read_bytes() + b" ")
    monkeypatch.setattr("regression.session.LoadedBase", None)

    failed = error_of(asked(evaluator, task)["failed"])

    assert isinstance(failed, ShardError)
    assert "are not those that are to be evaluated" in str(failed)


def test_it_says_nothing_about_bytes_that_are_not_the_ones_meant(evaluator, own):
    assert "about" in about(evaluator, own, own.digest)
    assert "sees other files" in about(evaluator, own, "sha256:" + "0" * 64)["failed"]["message"]


def test_another_plan_is_refused(evaluator, task):
    failed = asked(evaluator, task, keys=["0" * 64, *task.keys[1:]])["failed"]

    assert "plan or arithmetic" in failed["message"]


def test_a_suite_that_is_not_the_one_meant_is_refused(evaluator, task, tiny_world):
    other = write_suite_body(load_suite(tiny_world.suites["harmful"]))

    said = read(evaluator.answer(line(**plain_task(task)), other))

    assert said["failed"]["kind"] == "shard"
    assert asked(evaluator, task)["answers"], "it did not remember the wrong one"


def test_a_model_that_cannot_be_loaded_is_the_models_fault(evaluator, task, own):
    (own.base / "model.safetensors").write_bytes(b"x")

    failed = error_of(asked(evaluator, task, model_digest=own.digest, keys=_keys(own, task))["failed"])

    assert isinstance(failed, ModelError)


def _keys(ref, task):
    with Session(None, dtype="float32") as session:
        walk = session._walk(ref, session._work(ref, task.suite, seed=0))
        return shard_of(walk.work, task.rounds, walk.about, walk.most).keys


@pytest.mark.parametrize("message", [b"", b"[]", b"{}", b'{"name": "x", "suite": "y"}', b"\x80\x04."])
def test_nonsense_gets_an_answer_and_ends_nothing(evaluator, message):
    assert "failed" in json.loads(evaluator.answer(message, b"nonsense"))
    assert "failed" in json.loads(evaluator.about(message))


def test_it_says_what_it_is(evaluator):
    assert refusal(evaluator.hello()) is None
