"""Suites in shards: kept, found again, computed elsewhere, and refused where anything about them is another."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import ModelRef, Session, ShardError, load_suite, make_suite, scoring
from regression.cache import Output
from regression.shards import Done, read_answers, write_answers

SMALL = {"dtype": "float32", "batch_tokens": 48, "batch_replies": 8}


@pytest.fixture(scope="module")
def long(tiny_world, tmp_path_factory):
    """Suites of 180 items: several rounds, several shards."""

    def made(name):
        suite = load_suite(tiny_world.suites[name])
        rows = [
            {**item.row, "id": f"{item.id}-{n}", "cluster": f"{item.cluster}-{n}"}
            for n in range(3)
            for item in suite.items
        ]
        return make_suite(suite.header, rows, source=tmp_path_factory.mktemp("suites") / f"{name}.jsonl")

    return {name: made(name) for name in ("knowledge", "instructions", "prose")}


class Kept:
    """A keeper in memory."""

    def __init__(self, bodies=()):
        self.bodies = dict(bodies)
        self.said = []

    def find(self, name):
        return self.bodies.get(name)

    def keep(self, name, body, *, says=""):
        self.bodies[name] = body
        self.said.append(says)


class Elsewhere:
    """Another session as executor; ``change`` may do something to what comes back."""

    def __init__(self, change=lambda done: [done], **how):
        self.session = Session(None, **{**SMALL, **how})
        self.change = change
        self.tasks = []

    @property
    def device(self):
        return self.session.device

    def about(self, ref, dtype):
        return self.session.circumstances(ref)

    def run(self, tasks):
        self.tasks += tasks
        for task in reversed(tasks):
            yield from self.change(Done(name=task.name, answers=self.session.answer(task), where="there"))


def counted(session, monkeypatch):
    ran = []
    whole = Session._run

    def run(self, ref, work, batch, most):
        if self is session:
            ran.append(len(batch))
        return whole(self, ref, work, batch, most)

    monkeypatch.setattr(Session, "_run", run)
    return ran


@pytest.mark.parametrize("name", ["knowledge", "instructions", "prose"])
def test_what_was_computed_elsewhere_is_the_same_to_the_last_bit(refs, long, name):
    with Session(None, **SMALL) as here:
        expected = here.evaluate(refs["champion"], long[name])
    elsewhere = Elsewhere()
    with Session(None, executor=elsewhere, **SMALL) as session:
        found = session.evaluate(refs["champion"], long[name])
        rounds = [item for part in session.rounds(refs["champion"], long[name]) for item in part]

    assert len(elsewhere.tasks) > 1
    assert found == expected
    assert sorted(rounds, key=lambda item: item.id) == sorted(found.items, key=lambda item: item.id)


def test_what_was_kept_is_not_computed_again(refs, long, monkeypatch):
    first = Kept()
    with Session(None, keeper=first, **SMALL) as session:
        expected = session.evaluate(refs["champion"], long["instructions"])
    names = list(first.bodies)
    half = Kept({name: first.bodies[name] for name in names[: len(names) // 2]})

    with Session(None, keeper=half, **SMALL) as session:
        ran = counted(session, monkeypatch)
        found = session.evaluate(refs["champion"], long["instructions"])

    assert found.items == expected.items
    assert 0 < found.cached < len(found.items)
    assert sum(ran) == found.fresh
    assert half.bodies == first.bodies, "the same work has the same name and the same bytes"
    assert half.said[-1] == f"instructions, {len(found.items)} of {len(found.items)} items"


def test_another_model_finds_nothing_of_the_first(refs, long):
    kept = Kept()
    with Session(None, keeper=kept, **SMALL) as session:
        session.evaluate(refs["champion"], long["knowledge"])
        other = session.evaluate(refs["benign"], long["knowledge"])

    assert other.cached == 0


def lost(done):
    return []


def cut(done):
    return [dataclasses.replace(done, answers=done.answers[1:])]


def swapped(done):
    first, second, *rest = done.answers
    return [dataclasses.replace(done, answers=((first[0], second[1]), (second[0], first[1]), *rest)[::-1])]


def other_key(done):
    (_, output), *rest = done.answers
    return [dataclasses.replace(done, answers=(("0" * 64, output), *rest))]


def no_number(done):
    (key, output), *rest = done.answers
    return [dataclasses.replace(done, answers=((key, dataclasses.replace(output, numbers=(math.nan,))), *rest))]


def too_sure(done):
    (key, output), *rest = done.answers
    return [dataclasses.replace(done, answers=((key, dataclasses.replace(output, numbers=(math.inf, 0.0))), *rest))]


@pytest.mark.parametrize("change", [lost, cut, swapped, other_key, no_number, too_sure])
def test_what_comes_back_wrong_is_refused(refs, long, change):
    with Session(None, executor=Elsewhere(change), **SMALL) as session, pytest.raises(ShardError):
        session.evaluate(refs["champion"], long["knowledge"])


def test_a_kept_shard_that_is_another_ones_is_refused(refs, long):
    kept = Kept()
    with Session(None, keeper=kept, **SMALL) as session:
        session.evaluate(refs["champion"], long["knowledge"])
    names = list(kept.bodies)
    moved = Kept(dict(zip(names, reversed(kept.bodies.values()), strict=True)))

    with Session(None, keeper=moved, **SMALL) as session, pytest.raises(ShardError):
        session.evaluate(refs["champion"], long["knowledge"])


def test_a_machine_with_other_arithmetic_refuses(refs, long, monkeypatch):
    elsewhere = Elsewhere()
    about = elsewhere.about

    def otherwise(ref, dtype):
        return {**about(ref, dtype), "torch": "0.0"}

    monkeypatch.setattr(elsewhere, "about", otherwise)

    with (
        Session(None, executor=elsewhere, **SMALL) as session,
        pytest.raises(ShardError, match="plan or arithmetic"),
    ):
        session.evaluate(refs["champion"], long["knowledge"])


def test_who_speaks_of_another_model_is_not_believed(tmp_path, refs, long):
    elsewhere = Elsewhere()
    champion = elsewhere.session.circumstances(refs["champion"])
    with Session(tmp_path, **SMALL) as here:
        here.evaluate(refs["champion"], long["knowledge"])
    elsewhere.about = lambda ref, dtype: champion

    # Believed, it would find the champion's answers in the cache, and the candidate would have lost nothing.
    with (
        Session(tmp_path, executor=elsewhere, **SMALL) as session,
        pytest.raises(ShardError, match="another model"),
    ):
        session.evaluate(refs["forgetful"], long["knowledge"])


def test_a_machine_that_sees_other_files_refuses(own_copy, refs, long):
    elsewhere = Elsewhere()
    weights, run = own_copy.adapter / "adapter_model.safetensors", elsewhere.run

    def other_files(tasks):
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
        yield from run(tasks)

    elsewhere.run = other_files

    with Session(None, executor=elsewhere, **SMALL) as session, pytest.raises(ShardError, match="are not those"):
        session.evaluate(ModelRef(base=own_copy.base, adapter=own_copy.adapter), long["knowledge"])


def test_files_that_change_while_they_are_evaluated_give_no_answer(own_copy, long, monkeypatch):
    elsewhere = Elsewhere()
    config = own_copy.adapter / "adapter_config.json"
    whole = Session._run

    def changing(self, ref, work, batch, most):
        config.write_text(config.read_text() + " ")
        return whole(self, ref, work, batch, most)

    monkeypatch.setattr(Session, "_run", changing)

    with Session(None, executor=elsewhere, **SMALL) as session, pytest.raises(ShardError, match="changed while"):
        session.evaluate(own_copy, long["knowledge"])


def test_a_machine_with_less_memory_answers_in_halves_and_is_believed(refs, long, monkeypatch):
    import torch

    whole = scoring.run_units

    def small(model, items, units, **how):
        if len(units) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return whole(model, items, units, **how)

    with Session(None, **SMALL) as here:
        monkeypatch.setattr(scoring, "run_units", small)
        expected = here.evaluate(refs["champion"], long["prose"])

    with Session(None, executor=Elsewhere(), **SMALL) as session:
        found = session.evaluate(refs["champion"], long["prose"])

    assert found.items == expected.items


def test_a_repeated_shard_counts_once(refs, long):
    def twice(done):
        return [done, done]

    kept = Kept()
    with Session(None, executor=Elsewhere(twice), keeper=kept, **SMALL) as session:
        found = session.evaluate(refs["champion"], long["knowledge"])

    assert (found.fresh, found.cached) == (len(found.items), 0)
    assert len(kept.said) == len(kept.bodies)


OUTPUTS = st.builds(
    Output,
    numbers=st.lists(st.floats(allow_nan=False), max_size=4).map(tuple),
    counts=st.lists(st.integers(0, 99), max_size=4).map(tuple),
    greedy=st.lists(st.booleans(), max_size=4).map(tuple),
    text=st.none() | st.text(),
    more=st.lists(st.text(), max_size=2).map(tuple),
    read=st.integers(0, 10**9),
    written=st.integers(0, 10**9),
    top=st.none() | st.binary(max_size=40),
)


@given(st.lists(st.tuples(st.text(alphabet="0123456789abcdef", min_size=64, max_size=64), OUTPUTS), max_size=3))
def test_answers_come_back_as_they_were(answers):
    assert read_answers(write_answers(answers)) == tuple(answers)


@pytest.mark.parametrize("body", [b"x", b"{}", b"[]", b"null", b'{"key":1}', b"\xff\xfe"])
def test_anything_else_is_no_answer(body):
    with pytest.raises(ShardError):
        read_answers(body)
