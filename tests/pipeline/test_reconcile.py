"""What moves behind the gate's back is found, written down once, and put back only where it is safe."""

import dataclasses
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from people import approve, key_of
from pipeline_views import state_of
from quick_world import MODEL, agreed, quick_policy, quick_workspace
from registry import FakeRegistry

from audits.ledger.check import verify_entries
from gatekeeper.core.errors import RegistryError
from gatekeeper.core.states import State
from gatekeeper.pipeline.moves import intend
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.reconcile import reconcile
from gatekeeper.pipeline.revoke import revoke
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.store import entries, updates
from gatekeeper.store.tables import DriftKind, PromotionKind


@pytest.fixture
def registry(tmp_path):
    return FakeRegistry(root=tmp_path / "registry")


@pytest.fixture
def policy():
    return quick_policy()


@pytest.fixture
def workspace(tmp_path, registry, policy):
    restoring = dataclasses.replace(policy, drift="restore")
    opened = quick_workspace(tmp_path, registry, policies=(policy, restoring))
    yield opened
    opened.store.close()


@pytest.fixture
def live(workspace, tmp_path, policy):
    """Two champions, one after the other; the anchor is the first."""
    promoted = []
    for first in (True, False):
        update = agreed(workspace, tmp_path, policy, first=first)
        promote(workspace, update, policy=policy)
        promoted.append(update)
    return promoted


def events(workspace):
    with workspace.store.reading() as session:
        return [entry.type for entry in entries.latest(session, limit=1000)][::-1]


def kinds(came_to):
    return [(each.kind, each.alias, each.version, each.observed) for each in came_to.lasting]


def stored(registry, version) -> Path:
    return Path(registry.describe(MODEL, version).source)


def test_nothing_is_apart_after_promotions(workspace, live, policy):
    came_to = reconcile(workspace, policy)

    assert (came_to.lasting, came_to.errors) == ((), ())
    assert came_to.hashed == 2


def test_a_model_that_nobody_certified_is_nothing_to_watch(workspace, tmp_path, policy):
    agreed(workspace, tmp_path, policy, first=True)

    assert reconcile(workspace, policy).lasting == ()


def test_a_moved_alias_is_one_entry_however_long_it_lasts(workspace, registry, live, policy):
    registry.aliases[MODEL]["champion"] = "1"
    before = len(events(workspace))

    rounds = [reconcile(workspace, policy) for _ in range(10)]

    assert kinds(rounds[0]) == kinds(rounds[9]) == [(DriftKind.ALIAS_MOVED, "champion", "2", "1")]
    assert events(workspace)[before:] == ["drift.found"]


def test_an_alias_that_is_gone_is_found(workspace, registry, live, policy):
    del registry.aliases[MODEL]["anchor"]

    assert kinds(reconcile(workspace, policy)) == [(DriftKind.ALIAS_MISSING, "anchor", "1", "")]


def test_an_alias_of_a_model_that_was_never_promoted_is_found(workspace, registry, tmp_path, policy):
    agreed(workspace, tmp_path, policy, first=True)
    registry.aliases[MODEL]["champion"] = "1"

    assert kinds(reconcile(workspace, policy)) == [(DriftKind.ALIAS_MOVED, "champion", "", "1")]


def test_a_deleted_version_is_found_even_when_it_is_only_the_one_to_go_back_to(workspace, registry, live, policy):
    registry.versions[MODEL] = [each for each in registry.versions[MODEL] if each.version != "1"]

    assert (DriftKind.VERSION_DELETED, "", "1", "") in kinds(reconcile(workspace, policy))


def test_what_agrees_again_is_cleared(workspace, registry, live, policy):
    registry.aliases[MODEL]["champion"] = "1"
    reconcile(workspace, policy)
    registry.aliases[MODEL]["champion"] = "2"

    came_to = reconcile(workspace, policy)

    assert (came_to.lasting, came_to.cleared) == ((), 1)
    assert events(workspace)[-1] == "drift.cleared"


def test_one_changed_byte_is_found_in_the_next_round(workspace, registry, live, policy):
    reconcile(workspace, policy)
    weights = stored(registry, "2") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")

    came_to = reconcile(workspace, policy)

    assert kinds(came_to) == [(DriftKind.BYTES_CHANGED, "", "2", "")]


def test_bytes_that_changed_where_no_times_are_told_are_found_within_a_day(workspace, registry, live, policy):
    registry.tells_times = False
    reconcile(workspace, policy)
    weights = stored(registry, "2") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")

    at_once = reconcile(workspace, policy)
    a_day_later = reconcile(workspace, policy, now=datetime.now(UTC) + timedelta(days=1, minutes=1))

    assert at_once.lasting == ()
    assert kinds(a_day_later) == [(DriftKind.BYTES_CHANGED, "", "2", "")]


def test_on_this_machine_times_that_were_set_back_do_not_hide_a_change(workspace, registry, live, policy):
    reconcile(workspace, policy)
    weights = stored(registry, "2") / "model.safetensors"
    seen = weights.stat()
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    os.utime(weights, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    assert kinds(reconcile(workspace, policy)) == [(DriftKind.BYTES_CHANGED, "", "2", "")]


def test_files_that_were_copied_back_are_hashed_and_are_no_drift(workspace, registry, live, policy, tmp_path):
    reconcile(workspace, policy)
    folder = stored(registry, "2")
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)

    came_to = reconcile(workspace, policy)

    assert (came_to.lasting, came_to.hashed) == ((), 1)
    assert reconcile(workspace, policy).hashed == 0


def test_a_registry_that_cannot_be_asked_is_an_error_and_ends_no_drift(workspace, registry, live, policy):
    registry.aliases[MODEL]["champion"] = "1"
    reconcile(workspace, policy)

    def refuse(step):
        if step in ("read", "describe", "list"):
            raise RegistryError("The registry is down.")

    registry.before = refuse
    came_to = reconcile(workspace, policy)

    assert kinds(came_to) == [(DriftKind.ALIAS_MOVED, "champion", "2", "1")]
    assert came_to.errors
    assert events(workspace)[-1] == "drift.found"


def test_a_move_of_ours_that_is_under_way_is_no_drift(workspace, registry, live, policy, tmp_path):
    update = agreed(workspace, tmp_path, policy)
    with workspace.store.transaction() as session:
        row = updates.require(session, update)
        updates.move(session, update, State.PROMOTING)
        intend(
            workspace,
            session,
            row,
            kind=PromotionKind.PROMOTE,
            alias="champion",
            expected_previous="2",
            binding=binding_of(session, row)[2],
            moment=datetime.now(UTC),
        )
    other = dataclasses.replace(workspace, lock_file=workspace.lock_file.with_name("other.lock"))
    registry.aliases[MODEL]["champion"] = row.registered_version
    import fcntl

    with workspace.lock_file.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        came_to = reconcile(workspace, policy)

    assert came_to.lasting == ()
    assert reconcile(other, policy).lasting == ()
    assert state_of(workspace, update) is State.ACTIVE


@pytest.mark.parametrize("was", ["1", None])
def test_an_alias_is_put_back_where_the_policy_says_so(workspace, registry, live, policy, was):
    restoring = dataclasses.replace(policy, drift="restore")
    if was is None:
        del registry.aliases[MODEL]["champion"]
    else:
        registry.aliases[MODEL]["champion"] = was

    came_to = reconcile(workspace, restoring)

    assert registry.aliases[MODEL]["champion"] == "2"
    assert [each.alias for each in came_to.restored] == ["champion"]
    assert came_to.lasting == ()
    assert events(workspace)[-2:] == ["drift.found", "drift.cleared"]
    with workspace.store.reading() as session:
        assert verify_entries(session).faults == ()


def test_it_is_only_reported_where_the_policy_does_not(workspace, registry, live, policy):
    registry.aliases[MODEL]["champion"] = "1"

    reconcile(workspace, policy)

    assert registry.aliases[MODEL]["champion"] == "1"


def test_an_alias_is_not_put_back_to_changed_bytes(workspace, registry, live, policy):
    registry.aliases[MODEL]["champion"] = "1"
    (stored(registry, "2") / "model.safetensors").write_bytes(b"other")

    came_to = reconcile(workspace, dataclasses.replace(policy, drift="restore"))

    assert registry.aliases[MODEL]["champion"] == "1"
    assert {each.kind for each in came_to.lasting} == {DriftKind.ALIAS_MOVED, DriftKind.BYTES_CHANGED}
    assert any("was not put back" in error for error in came_to.errors)


def test_an_alias_is_not_put_back_by_a_registry_that_refuses(workspace, registry, live, policy):
    registry.aliases[MODEL]["champion"] = "1"

    def refuse(step):
        if step == "set":
            raise RegistryError("PERMISSION_DENIED")

    registry.before = refuse
    came_to = reconcile(workspace, dataclasses.replace(policy, drift="restore"))

    assert any("PERMISSION_DENIED" in error for error in came_to.errors)
    assert [each.kind for each in came_to.lasting] == [DriftKind.ALIAS_MOVED]


def test_an_alias_that_points_to_a_new_model_is_not_removed(workspace, registry, tmp_path, policy):
    agreed(workspace, tmp_path, policy, first=True)
    registry.aliases[MODEL]["champion"] = "1"

    reconcile(workspace, dataclasses.replace(policy, drift="restore"))

    assert registry.aliases[MODEL]["champion"] == "1"


def test_the_revocation_list_is_published_again_when_it_was_lost(workspace, registry, live, policy):
    def refuse(step):
        if step == "publish":
            raise RegistryError("down")

    registry.before = refuse
    revoked = revoke(workspace, live[0], person="dana", policy=policy, key=key_of("dana"))
    before = registry.published[MODEL]
    registry.before = lambda step: None

    came_to = reconcile(workspace, policy)

    assert revoked.published is False
    assert registry.published[MODEL] != before
    assert came_to.errors == ()


def test_the_revocation_list_is_signed_again_every_day_and_not_more_often(workspace, registry, live, policy):
    first = registry.published[MODEL]
    reconcile(workspace, policy)
    same = registry.published[MODEL]
    reconcile(workspace, policy, now=datetime.now(UTC) + timedelta(days=1, minutes=1))

    assert first == same
    assert registry.published[MODEL] != first


def test_an_approved_update_is_promoted_as_ever_after_a_drift(workspace, registry, live, policy, tmp_path):
    update = agreed(workspace, tmp_path, policy, by=())
    approve(workspace, update, person="dana", policy=policy)
    registry.aliases[MODEL]["champion"] = "1"
    reconcile(workspace, dataclasses.replace(policy, drift="restore"))

    promote(workspace, update, policy=policy)

    assert registry.aliases[MODEL]["champion"] == "3"
