"""People are told of what waits, once per interval, however many processes look."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from quick_world import agreed, proposed, quick_policy, quick_workspace
from registry import FakeRegistry

from gatekeeper.pipeline.remind import EVENT, LogNotifier, Patience, remind
from gatekeeper.store import entries, reminders
from gatekeeper.store.database import open_store
from gatekeeper.store.tables import ReminderKind

PATIENCE = Patience(waiting=timedelta(hours=24), expiring=timedelta(hours=12), every=timedelta(hours=24))


class Told:
    def __init__(self, failing=False):
        self.events, self.failing = [], failing

    def notify(self, event, reminder):
        self.events.append((event, reminder))
        if self.failing:
            raise ConnectionError("nobody answers")


@pytest.fixture
def world(tmp_path):
    policy = quick_policy()
    workspace = quick_workspace(tmp_path, FakeRegistry(root=tmp_path / "registry"), policies=(policy,))
    yield workspace, tmp_path, policy
    workspace.store.close()


def later(hours):
    return datetime.now(UTC) + timedelta(hours=hours)


@pytest.fixture
def waiting(world):
    workspace, root, policy = world
    return proposed(workspace, root, policy, first=True).update_id


@pytest.mark.parametrize(
    ("hours", "kind"),
    [
        pytest.param(1, None, id="just-now"),
        pytest.param(25, ReminderKind.WAITING, id="a-day"),
        pytest.param(61, ReminderKind.EXPIRING, id="nearly-over"),
        pytest.param(73, None, id="over"),
    ],
)
def test_people_are_told_of_a_long_wait_and_of_the_end(world, waiting, hours, kind):
    workspace, _root, policy = world
    told = Told()

    found = remind(workspace, policy, PATIENCE, told, now=later(hours))

    assert [each.kind for each in found] == ([kind] if kind else [])
    assert [(event, each.subject) for event, each in told.events] == ([(EVENT, waiting)] if kind else [])
    if kind:
        assert (found[0].action, found[0].given, found[0].required, found[0].number) == ("decide", 0, 2, 1)


def test_nobody_is_told_twice_within_the_interval_and_then_again(world, waiting):
    workspace, _root, policy = world
    told = Told()

    for hours in (25, 26, 48, 50):
        remind(workspace, policy, PATIENCE, told, now=later(hours))

    assert [each.number for _event, each in told.events] == [1, 2]


def test_what_was_agreed_to_and_nobody_promotes_is_told_too(world):
    workspace, root, policy = world
    update = agreed(workspace, root, policy, first=True)

    (found,) = remind(workspace, policy, PATIENCE, now=later(25))

    assert (found.subject, found.action, found.given) == (update, "promote", 2)


def test_many_processes_tell_it_once(world, waiting, tmp_path):
    workspace, _root, policy = world
    stores = [open_store(f"sqlite:///{tmp_path / 'gatekeeper.db'}") for _ in range(6)]
    told, moment, gate = Told(), later(25), threading.Barrier(6)

    def look(store):
        import dataclasses

        own = dataclasses.replace(workspace, store=store)
        gate.wait()
        remind(own, policy, PATIENCE, told, now=moment)

    threads = [threading.Thread(target=look, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()

    assert len(told.events) == 1


def test_somebody_who_cannot_be_reached_keeps_nobody_else_from_being_told(world, waiting):
    workspace, _root, policy = world
    broken, told = Told(failing=True), Told()

    remind(workspace, policy, PATIENCE, broken, told, LogNotifier(), now=later(25))
    remind(workspace, policy, PATIENCE, broken, told, now=later(26))

    assert (len(broken.events), len(told.events)) == (1, 1)


def test_a_reminder_is_in_no_ledger(world, waiting):
    workspace, _root, policy = world
    with workspace.store.reading() as session:
        before = entries.size(session)

    remind(workspace, policy, PATIENCE, now=later(25))

    with workspace.store.reading() as session:
        assert entries.size(session) == before
        assert [row.number for row in reminders.of_subject(session, waiting)] == [1]


def test_what_another_policy_decided_is_nothing_to_decide_about(world, waiting):
    workspace, _root, _policy = world

    assert remind(workspace, quick_policy(required=3), PATIENCE, now=later(25)) == ()
