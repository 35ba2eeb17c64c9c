"""What workers do with the runs that wait: in which order, how many at once, and when they are told to end."""

import signal
import time

import pytest
from durable_world import GATES, POLICY

from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.core.states import State
from gatekeeper.store import queue, runs, updates
from gatekeeper.store.tables import QueueState


def kinds(world, run_id):
    return [event.kind for event in world.runtime.events(run_id)]


def state_of(world, update):
    with world.workspace.store.reading() as session:
        return updates.require(session, update).state


def reports_of(world, run_id):
    with world.workspace.store.reading() as session:
        return {report.gate: report for report in runs.reports(session, run_id)}


def verdict_of(world, run_id):
    with world.workspace.store.reading() as session:
        return runs.verdict(session, run_id)


def test_models_take_turns_whatever_order_they_came_in(world):
    run_ids = [world.queued("busy")[1] for _ in range(3)] + [world.queued("calm")[1]]

    taken = []
    for _ in run_ids:
        with world.workspace.store.transaction() as session:
            row = queue.next_waiting(session)
            queue.take(session, row, worker="me", device="here")
            taken.append(row.run_id)

    assert [run_ids.index(run_id) for run_id in taken] == [0, 3, 1, 2]


def test_asked_twice_an_update_is_evaluated_once(world):
    update, run_id = world.queued()

    assert world.runtime.enqueue(update, POLICY) == run_id
    assert [each.run_id for each in world.runtime.going()] == [run_id]


def test_what_has_a_verdict_is_not_queued(world):
    update, _run_id = world.queued()
    assert world.worker().wait() == 0

    with pytest.raises(StateError):
        world.runtime.enqueue(update, POLICY)


def test_a_run_nobody_queued_is_unknown(world):
    for ask in (world.runtime.status, world.runtime.cancel):
        with pytest.raises(UsageError):
            ask("run-0000000000000000")


def test_a_run_that_waits_is_cancelled_at_once(world):
    update, run_id = world.queued()

    ended = world.runtime.cancel(run_id)

    assert (ended.state, ended.cancelling) == (QueueState.CANCELLED, False)
    assert state_of(world, update) is State.SUBMITTED
    assert world.runtime.enqueue(update, POLICY) != run_id


def test_a_run_is_cancelled_while_a_gate_computes_and_can_be_asked_for_again(world):
    update, run_id = world.queued()
    (world.root / "hold").touch()
    working = world.worker()
    world.await_computing("artifact/middle")

    assert world.runtime.cancel(run_id).cancelling
    # The gate would compute for ever: that the worker ends at all shows that its process was ended.
    assert working.wait() == 0

    assert world.runtime.status(run_id).state is QueueState.CANCELLED
    told = [kind for kind in kinds(world, run_id) if kind != "shard-kept"]  # one may be kept until the gate is ended
    assert told[-2:] == ["cancel-asked", "cancelled"]
    assert (state_of(world, update), verdict_of(world, run_id)) == (State.ERRORED, None)
    assert "artifact/last" not in world.computed()
    (world.root / "hold").unlink()
    again = world.runtime.enqueue(update, POLICY)
    assert world.worker().wait() == 0
    assert world.runtime.status(again).state is QueueState.DONE


def test_a_gate_that_takes_too_long_is_unmeasured_and_blocks(world):
    update, run_id = world.queued()
    (world.root / "hold").touch()

    assert world.worker(gate_seconds=4.0).wait() == 0

    report = reports_of(world, run_id)["artifact/middle"]
    assert (report.status.value, "the most a gate may take" in report.note) == ("unmeasured", True)
    assert state_of(world, update) is State.BLOCKED


def test_a_gate_that_takes_too_much_memory_is_unmeasured_and_blocks(world):
    update, run_id = world.queued()
    (world.root / "eat").touch()

    assert world.worker(memory_mib=500).wait() == 0

    report = reports_of(world, run_id)["artifact/middle"]
    assert (report.status.value, "may use 500 MiB" in report.note) == ("unmeasured", True)
    assert state_of(world, update) is State.BLOCKED
    assert reports_of(world, run_id)["artifact/first"].status.value == "measured"


def test_a_gate_whose_process_ends_has_errored_and_the_next_gate_gets_another_process(world):
    update, run_id = world.queued()
    (world.root / "fall").touch()

    assert world.worker().wait() == 0

    found = reports_of(world, run_id)
    assert (found["artifact/middle"].status.value, "exit code 7" in found["artifact/middle"].note) == ("errored", True)
    assert state_of(world, update) is State.ERRORED
    assert world.runtime.status(run_id).state is QueueState.DONE


def test_a_worker_that_is_told_to_end_hands_its_run_back(world):
    update, run_id = world.queued()
    (world.root / "hold").touch()
    working = world.worker()
    world.await_computing("artifact/middle")

    working.send_signal(signal.SIGTERM)

    assert working.wait() == 0
    assert (world.runtime.status(run_id).state, state_of(world, update)) == (QueueState.QUEUED, State.EVALUATING)
    assert kinds(world, run_id)[-1] == "handed-back"
    (world.root / "hold").unlink()
    assert world.worker().wait() == 0
    assert world.runtime.status(run_id).state is QueueState.DONE
    assert [world.computed().count(gate) for gate in GATES] == [1, 2, 1]


def test_a_run_that_was_handed_back_and_cancelled_leaves_its_update_errored(world):
    update, run_id = world.queued()
    (world.root / "hold").touch()
    working = world.worker()
    world.await_computing("artifact/middle")
    working.send_signal(signal.SIGTERM)
    assert working.wait() == 0

    assert world.runtime.cancel(run_id).state is QueueState.CANCELLED
    assert state_of(world, update) is State.ERRORED


def test_a_worker_that_sleeps_through_its_lease_writes_nothing_when_it_wakes(world):
    update, run_id = world.queued()
    (world.root / "hold").touch()
    sleeping = world.worker()
    world.await_computing("artifact/middle")
    sleeping.send_signal(signal.SIGSTOP)
    second = world.worker()
    while world.runtime.status(run_id).attempt < 2:
        time.sleep(0.05)
    (world.root / "hold").unlink()
    assert second.wait() == 0
    before = kinds(world, run_id)
    sleeping.send_signal(signal.SIGCONT)

    assert sleeping.wait() == 0
    assert kinds(world, run_id) == before
    assert before.count("done") == 1
    assert (state_of(world, update), world.runtime.status(run_id).attempt) == (State.PENDING_APPROVAL, 2)


def test_two_workers_share_what_waits_and_race_for_nothing(world):
    queued = [world.queued(f"model-{number}") for number in range(4)]

    racing = [world.worker(device=f"device-{number}") for number in range(2)]

    assert [each.wait() for each in racing] == [0, 0]
    for update, run_id in queued:
        assert kinds(world, run_id).count("taken") == kinds(world, run_id).count("done") == 1
        assert state_of(world, update) is State.PENDING_APPROVAL
    assert world.computed().count("artifact/middle") == 4


def test_a_device_takes_one_run_at_a_time(world):
    world.queued("one")
    world.queued("two")
    (world.root / "hold").touch()
    both = [world.worker(device="gpu-0") for _ in range(2)]
    world.await_computing("artifact/middle")

    states = sorted(each.state for each in world.runtime.going())
    (world.root / "hold").unlink()

    assert [each.wait() for each in both] == [0, 0]
    assert states == [QueueState.QUEUED, QueueState.RUNNING]


def test_a_run_that_kills_its_workers_is_given_up(world):
    update, run_id = world.queued()
    for _ in range(2):
        assert world.worker(die_at="begun").wait() == -signal.SIGKILL

    assert world.worker(most_attempts=2).wait() == 0

    ended = world.runtime.status(run_id)
    assert (ended.state, "died with it" in ended.error) == (QueueState.FAILED, True)
    assert state_of(world, update) is State.ERRORED
