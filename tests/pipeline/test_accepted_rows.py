"""An update is compared with the rows of earlier ones, and its run says with which."""

import dataclasses
import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from people import approve, key_of, notary
from quick_world import CATALOGUE, MODEL, quick_workspace, weights
from registry import FakeRegistry
from sqlalchemy import update as change

from gatekeeper.core.errors import VerificationError
from gatekeeper.core.findings import Metric
from gatekeeper.core.gate import NoParams, Resources, gate
from gatekeeper.core.row_history import RowHistory
from gatekeeper.pipeline import run
from gatekeeper.pipeline.accepted_rows import history_of, history_of_run
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.store import entries, runs
from gatekeeper.store.tables import RowCountsRow
from policies.load import policy_from_text

_POLICY = """
policy: remembering
version: 1
quarantine_days: {days}
gates:
  - gate: data/past
    limits:
      - id: seen
        admit: 'm["rows"].value > 0.0'
        because: "{{m[rows].value}} rows."
certify:
  - gate: artifact/count
    limits:
      - id: some
        admit: 'm["files"].value > 0.0'
        because: "{{m[files].value}} files."
"""


@gate("data/past", asks="What was accepted before?", params=NoParams)
def past(context, params):
    rows = Metric(name="rows", value=float(sum(1 for _ in context.rows)), unit="rows", n=1)
    before = Metric(name="before", value=float(context.history.rows if context.history else 0), unit="rows", n=1)
    return past.measured(metrics=(rows, before))


class World:
    def __init__(self, root, days):
        catalogue = {**CATALOGUE, past.id: past}
        self.root = root
        self.policy = policy_from_text(_POLICY.format(days=days), catalogue)
        registry = FakeRegistry(root=root / "registry")
        opened = quick_workspace(root, registry, signs=notary(root, registry.id, self.policy))
        self.workspace = dataclasses.replace(opened, catalogue=catalogue)

    def propose(self, rows, *, first=False):
        data = self.root / f"rows-{rows}.jsonl"
        data.write_text("".join(json.dumps({"text": f"row {rows} {n}"}) + "\n" for n in range(rows)))
        proposal = Proposal(
            name="an update",
            model=MODEL,
            artifact=weights(self.root),
            data=None if first else data,
            submitter="zelda",
        )
        return (run.certify if first else run.check)(self.workspace, proposal, self.policy, Resources())

    def live(self, rows, *, first=False):
        checked = self.propose(rows, first=first)
        for name in ("dana", "kim") if first else ("dana",):
            approve(self.workspace, checked.update_id, person=name, policy=self.policy)
        promote(self.workspace, checked.update_id, policy=self.policy)
        return checked

    def leaves(self, type):
        with self.workspace.store.reading() as session:
            return [json.loads(entry.leaf) for entry in entries.of_type(session, type)]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, days=0)
    yield made
    made.workspace.store.close()


def before(checked):
    return checked.reports["data/past"].metric("before").value


def test_rows_of_promoted_updates_become_the_history_of_later_ones(world):
    world.live(1, first=True)
    first = world.live(30)
    second = world.live(12)
    third = world.propose(5)

    assert [before(each) for each in (first, second, third)] == [0, 30, 42]


def test_what_was_only_proposed_or_rolled_back_is_no_history(world):
    world.live(1, first=True)
    world.live(30)
    world.propose(12)
    world.live(7)
    rollback(world.workspace, MODEL, person="dana", policy=world.policy, key=key_of("dana"))

    assert before(world.propose(5)) == 30


def test_a_quarantine_of_days_keeps_rows_out_until_it_is_over(tmp_path):
    world = World(tmp_path, days=7)
    world.live(1, first=True)
    world.live(30)

    assert before(world.propose(5)) == 0
    assert history_of(world.workspace, MODEL, datetime.now(UTC) + timedelta(days=6)) is None
    assert history_of(world.workspace, MODEL, datetime.now(UTC) + timedelta(days=8)).history.rows == 30


def test_the_ledger_holds_the_history_a_run_used_and_when_rows_begin_to_count(world):
    world.live(1, first=True)
    first = world.live(30)
    second = world.propose(12)

    [entered] = world.leaves("history.entered")
    [compared] = world.leaves("history.compared")
    assert (entered["subject"], entered["data"]["rows"]) == (first.update_id, 30)
    assert entered["data"]["data_digest"] == first.update.data.sha256
    assert (compared["subject"], compared["data"]["run"]) == (second.update_id, second.run_id)
    assert compared["data"]["history_digest"] == entered["data"]["history_digest"]


def test_a_run_can_be_replayed_on_its_own_history_whatever_came_after(world):
    world.live(1, first=True)
    world.live(30)
    judged = world.live(12)
    rollback(world.workspace, MODEL, person="dana", policy=world.policy, key=key_of("dana"))
    world.live(9)

    found = history_of_run(world.workspace, judged.run_id)

    assert found.history.rows == 30
    assert found.digest == world.leaves("history.compared")[0]["data"]["history_digest"]


def test_a_run_without_history_is_replayed_without_one(world):
    world.live(1, first=True)
    judged = world.propose(30)

    assert history_of_run(world.workspace, judged.run_id) is None


EMPTY = RowHistory(rows=3, sketch=b"")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"rows": 3}, id="the number of rows"),
        pytest.param({"rows": 3, "counts": zlib.compress(b""), "digest": EMPTY.digest}, id="counts and digest"),
        pytest.param({"counts_from": datetime(2020, 1, 1, tzinfo=UTC)}, id="the end of the quarantine"),
    ],
)
def test_history_changed_in_the_database_stops_the_next_run(world, values):
    world.live(1, first=True)
    world.live(30)
    with world.workspace.store.transaction() as session:
        session.execute(change(RowCountsRow).values(**values))

    with pytest.raises(VerificationError, match="not the one"):
        world.propose(5)


def test_the_same_counts_under_other_updates_are_another_history(world):
    world.live(1, first=True)
    world.live(30)
    judged = world.propose(12)
    with world.workspace.store.transaction() as session:
        row = runs.require(session, judged.run_id)
        row.environment = {**row.environment, "history": {**row.environment["history"], "rows": 31}}

    with pytest.raises(VerificationError, match="no longer"):
        history_of_run(world.workspace, judged.run_id)
