"""Who of a cluster gets which shard, against a cluster that does what the test says."""

import json
from types import SimpleNamespace

import pytest

from gatekeeper.runtime.ray import evaluator, pool
from gatekeeper.runtime.ray.messages import line
from gatekeeper.runtime.ray.options import RayOptions
from gatekeeper.runtime.ray.pool import Job, Pool
from regression.session import ENGINE


class LostError(Exception):
    """As Ray's own errors, in its tree."""


class FakeRay:
    """Evaluators that answer when they are told to."""

    exceptions = SimpleNamespace(RayError=LostError)

    def __init__(self, cpus=2, gpus=0):
        self.machines = [{"Alive": True, "Resources": {"CPU": cpus, "GPU": gpus}}]
        self.asked = []
        """(reply, evaluator's name, method, arguments), in order."""
        self.replies = {}
        self.started = []
        self.hello = line(code=evaluator.code_digest(), engine=ENGINE, device="cpu", node="n", pid=1)

    def nodes(self):
        return self.machines

    def put(self, body):
        return body

    def remote(self, kind):
        def options(**how):
            self.started.append(how)

            def method(name):
                def ask(*arguments):
                    reply = f"reply-{len(self.asked)}"
                    self.asked.append((reply, how["name"], name, arguments))
                    if name == "hello":
                        self.replies[reply] = self.hello
                    return reply

                return SimpleNamespace(remote=ask)

            made = SimpleNamespace(**{name: method(name) for name in ("hello", "about", "answer")})
            return SimpleNamespace(remote=lambda *_: made)

        return SimpleNamespace(options=options)

    def wait(self, replies, *, num_returns, timeout):
        return [reply for reply in replies if reply in self.replies][:num_returns], []

    def get(self, reply):
        answer = self.replies.pop(reply)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def open(self):
        """Shards that evaluators have and were not told to answer, by shard's id."""
        return {json.loads(given[0])["name"]: reply for reply, _, method, given in self.asked if method == "answer"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(pool, "_LOOK_EVERY", 0.0)


def shard(name):
    return Job(id=name, message=line(name=name), suite="s")


def made(ray, *names, **options):
    pool = Pool(ray, RayOptions(address="auto", **options))
    pool.suite("s", b"suite")
    for name in names:
        pool.add(shard(name))
    return pool


def steps(pool, count=6):
    return [event for _ in range(count) for event in pool.step(0.0)]


def done(ray, name, text="answers"):
    ray.replies[ray.open()[name]] = line(answers=text, where="n 1")


def test_every_evaluator_has_one_shard_at_a_time():
    ray = FakeRay(cpus=2)
    pool = made(ray, "a", "b", "c")

    steps(pool)
    assert list(ray.open()) == ["a", "b"]
    done(ray, "a")
    events = steps(pool)

    assert [event["id"] for event in events] == ["a"]
    assert list(ray.open()) == ["a", "b", "c"]
    assert pool.ready == 2


def test_no_more_evaluators_are_started_than_there_is_work_for():
    ray = FakeRay(cpus=64)

    steps(made(ray, "a", "b", "c"))

    assert len(ray.started) == 3
    assert {(how["num_cpus"], how["num_gpus"], how["lifetime"]) for how in ray.started} == {(1, 0, "detached")}


def test_where_there_are_gpus_every_evaluator_has_one():
    ray = FakeRay(cpus=64, gpus=2)
    ray.hello = ray.hello.replace(b'"cpu"', b'"cuda"')
    pool = made(ray, "a", "b", "c")

    steps(pool)

    assert [how["num_gpus"] for how in ray.started] == [1, 1]
    assert pool.ready == 2


def test_a_dead_node_holds_no_evaluator():
    ray = FakeRay(cpus=1)
    ray.machines.append({"Alive": False, "Resources": {"CPU": 8}})

    steps(made(ray, "a", "b"))

    assert len(ray.started) == 1


def test_the_shard_of_a_lost_evaluator_runs_elsewhere_first():
    ray = FakeRay(cpus=1)
    pool = made(ray, "a", "b")
    steps(pool)
    ray.replies[ray.open()["a"]] = LostError("its node died")

    events = steps(pool)

    assert (events, pool.last) == ([{"ready": 0, "device": "cpu", "node": "n", "pid": 1}], "LostError: its node died")
    assert [json.loads(given[0])["name"] for _, _, method, given in ray.asked if method == "answer"] == ["a", "a"]


def test_a_shard_that_kills_its_evaluators_fails_after_so_many():
    ray = FakeRay(cpus=1)
    pool = made(ray, "a", tries=2)
    failed = []
    for _ in range(2):
        steps(pool)
        ray.replies[ray.open()["a"]] = LostError("killed")
        failed += [event for event in steps(pool, 1) if "failed" in event]

    assert [event["id"] for event in failed] == ["a"]
    assert "2 evaluators" in failed[0]["failed"]["message"]
    assert [event for event in steps(pool) if "id" in event] == []


def test_what_is_asked_already_is_not_asked_twice():
    ray = FakeRay(cpus=2)
    pool = made(ray, "a")
    steps(pool)
    pool.add(shard("a"))

    steps(pool)

    assert len([method for _, _, method, _ in ray.asked if method == "answer"]) == 1


def test_what_comes_back_after_it_was_dropped_is_given_to_nobody():
    ray = FakeRay(cpus=1)
    pool = made(ray, "a", "b")
    steps(pool)
    pool.drop()
    done(ray, "a")

    assert steps(pool) == []
    pool.suite("s", b"suite")
    pool.add(shard("c"))
    steps(pool)
    assert list(ray.open()) == ["a", "c"], "the evaluator is free again, and b was never begun"


def test_a_lost_evaluator_gives_nothing_back_that_was_dropped():
    ray = FakeRay(cpus=1)
    pool = made(ray, "a")
    steps(pool)
    pool.drop()
    ray.replies[ray.open()["a"]] = LostError("killed")

    assert [event for event in steps(pool) if "id" in event] == []


def test_a_gpu_that_pytorch_does_not_see_is_no_gpu():
    events = steps(made(FakeRay(gpus=1), "a"), 2)

    assert "PyTorch none" in events[0]["refused"]


@pytest.mark.parametrize("other", [{"code": "x"}, {"engine": "0"}])
def test_an_evaluator_of_another_version_is_refused(other):
    ray = FakeRay(cpus=1)
    ray.hello = line(**{"code": evaluator.code_digest(), "engine": ENGINE, "device": "cpu", "node": "n", **other})
    pool = made(ray, "a")

    events = steps(pool, 2)

    assert "another version" in events[0]["refused"]
    assert (pool.ready, ray.open()) == (0, {})
