"""Rows of a gate's parts: once each, gone with the gate or the run."""

import pytest
from durable_world import durable_world

from gatekeeper.core.digests import sha256_bytes
from gatekeeper.store import queue, shards
from gatekeeper.store.tables import QueueState

NAME = "a" * 64


@pytest.fixture
def queued(tmp_path):
    with durable_world(tmp_path) as world:
        _, run_id = world.queued()
        yield world.workspace.store, run_id


def test_a_part_that_is_done_twice_counts_once_as_it_was_last(queued):
    store, run_id = queued
    with store.transaction() as session:
        news = [
            shards.keep(session, run_id, "a/b", name=NAME, digest=sha256_bytes(body), attempt=n)
            for n, body in enumerate((b"x", b"y"))
        ]

    with store.reading() as session:
        assert (news, shards.kept(session, run_id, "a/b")) == ([True, False], {NAME: sha256_bytes(b"y")})
        assert shards.kept(session, run_id, "a/c") == {}


def test_parts_go_with_their_gate_or_with_the_run(queued):
    store, run_id = queued
    with store.transaction() as session:
        for gate in ("a/b", "a/c", "a/d"):
            shards.keep(session, run_id, gate, name=NAME, digest=sha256_bytes(b""), attempt=1)
        shards.forget(session, run_id, "a/b")
        one = [bool(shards.kept(session, run_id, gate)) for gate in ("a/b", "a/c", "a/d")]
        queue.end(session, queue.require(session, run_id), QueueState.FAILED)
        all_gone = [bool(shards.kept(session, run_id, gate)) for gate in ("a/b", "a/c", "a/d")]

    assert (one, all_gone) == ([False, True, True], [False] * 3)
