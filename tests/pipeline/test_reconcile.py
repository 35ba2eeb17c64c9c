"""What happened behind the gate's back is found once, written down once, and cleared once."""

import os
import shutil
from datetime import UTC, datetime

import pytest
from drift_views import flip, forge, kinds, leaves, stored
from people import approve, key_of

from gatekeeper.core.errors import RegistryError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.pipeline.alias_watch import watch_aliases
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.rollback import rollback
from gatekeeper.pipeline.verify import verify_alias
from gatekeeper.store import entries, updates
from gatekeeper.store.tables import DriftKind

MODEL = "tiny"


def test_a_round_in_which_everything_agrees_writes_nothing_down(workspace, second, look):
    with workspace.store.reading() as session:
        before = entries.size(session)

    rounds = [look(minutes=minutes) for minutes in range(3)]

    assert [(seen.errors, seen.lasting) for seen in rounds] == [((), ())] * 3
    with workspace.store.reading() as session:
        assert entries.size(session) == before


def test_an_empty_installation_is_in_order(look):
    seen = look()

    assert (seen.errors, seen.lasting, seen.published) == ((), (), ())


@pytest.mark.parametrize(
    ("alias", "to", "kind"),
    [
        pytest.param("champion", "1", DriftKind.ALIAS_MOVED, id="champion moved"),
        pytest.param("anchor", "2", DriftKind.ALIAS_MOVED, id="anchor moved"),
        pytest.param("champion", None, DriftKind.ALIAS_MISSING, id="champion gone"),
    ],
)
def test_an_alias_that_moved_is_found_in_the_next_round(workspace, registry, second, look, alias, to, kind):
    was = registry.aliases[MODEL][alias]
    registry.aliases[MODEL].pop(alias)
    registry.aliases[MODEL] |= {alias: to} if to else {}

    seen = look()

    assert kinds(seen.changes.found) == [kind]
    leaf = leaves(workspace, "drift.found")[0]
    assert leaf["subject"] == seen.lasting[0].id
    assert leaf["data"] == {
        "kind": kind.value,
        "registry": registry.id,
        "model": MODEL,
        "alias": alias,
        "version": was,
        "observed": to,
    }


def test_an_alias_that_nobody_promoted_is_found(registry, certified, look):
    registry.id = "fake:another"  # a registry in which nothing was ever promoted
    registry.aliases[MODEL] = {"champion": "1"}

    seen = look()

    assert [(each.drift.version, each.drift.observed) for each in seen.lasting] == [(None, "1")]


def test_a_deleted_version_is_found_and_so_is_one_to_go_back_to(workspace, registry, second, look):
    registry.versions[MODEL] = []

    seen = look()

    deleted = [each.drift.version for each in seen.lasting if each.drift.kind is DriftKind.VERSION_DELETED]
    assert sorted(deleted) == ["1", "2"]


def test_the_version_before_is_watched_although_no_alias_points_to_it(
    workspace, registry, second, propose, policy, look
):
    third = propose("champion", data=None)
    approve(workspace, third.update_id, person="dana", policy=policy)
    promote(workspace, third.update_id, policy=policy)
    flip(stored(registry, 2))

    seen = look()

    assert [(each.drift.kind, each.drift.version) for each in seen.lasting] == [(DriftKind.BYTES_CHANGED, "2")]


def test_one_changed_byte_is_found_at_once(workspace, registry, second, look):
    look()
    flip(stored(registry, 2))

    seen = look(minutes=1)

    assert [(each.drift.kind, each.drift.version) for each in seen.lasting] == [(DriftKind.BYTES_CHANGED, "2")]
    assert leaves(workspace, "drift.found")[0]["data"]["observed"].startswith("sha256:")


def test_a_changed_byte_with_forged_size_and_time_is_found_within_a_day(workspace, registry, second, look):
    look()
    forge(stored(registry, 2))

    before = look(minutes=23 * 60)
    after = look(minutes=24 * 60 + 1)

    assert before.lasting == ()
    assert kinds(after.lasting) == [DriftKind.BYTES_CHANGED]


@pytest.mark.parametrize("tells", ["sizes", "nothing"])
def test_a_storage_that_tells_no_times_is_hashed_once_a_day(workspace, registry, second, look, tells):
    registry.tells = tells
    look()
    flip(stored(registry, 2))

    before = look(minutes=23 * 60)
    after = look(minutes=24 * 60 + 1)

    assert (kinds(before.lasting), kinds(after.lasting)) == ([], [DriftKind.BYTES_CHANGED])


def test_a_file_that_was_only_touched_is_hashed_and_is_no_drift(workspace, registry, second, look):
    look()
    fetches = []
    registry.before = lambda step: fetches.append(step) if step == "fetch" else None
    os.utime(stored(registry, 2), ns=(1, 1))

    rounds = [look(minutes=minutes) for minutes in (1, 2, 3)]

    assert [seen.lasting for seen in rounds] == [()] * 3
    assert fetches == ["fetch"]
    assert leaves(workspace, "drift.found") == []


def test_a_changed_base_model_is_found(workspace, registry, certified, tiny_world, tmp_path, look):
    base = tmp_path / "base"
    shutil.copytree(tiny_world.base, base)
    with workspace.store.transaction() as session:
        updates.require(session, certified.update_id).base_path = str(base)
    card = stored(registry, 1, "gatekeeper.json")
    card.write_text(card.read_text(encoding="utf-8").replace(str(tiny_world.base), str(base)), encoding="utf-8")
    assert look().lasting == ()
    flip(next(base.glob("*.safetensors")))

    seen = look(minutes=1)

    assert kinds(seen.lasting) == [DriftKind.BYTES_CHANGED]


@pytest.mark.parametrize("text", [pytest.param("{}", id="none"), pytest.param("/elsewhere", id="another base")])
def test_a_changed_card_is_found_although_it_is_no_part_of_the_bytes(registry, second, tiny_world, look, text):
    look()
    card = stored(registry, 2, "gatekeeper.json")
    other = card.read_text(encoding="utf-8").replace(str(tiny_world.base), text) if text != "{}" else text
    card.write_text(other, encoding="utf-8")

    rounds = [look(minutes=minutes) for minutes in (1, 2)]

    assert [kinds(seen.lasting) for seen in rounds] == [[DriftKind.FILES_CHANGED]] * 2
    assert len(rounds[1].changes.found) == 0


def test_a_file_that_is_gone_is_found_and_cleared_only_by_the_right_bytes(workspace, registry, second, look):
    look()
    file = stored(registry, 2)
    content, told = file.read_bytes(), file.stat()
    file.unlink()
    gone = look(minutes=1)
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))
    other = look(minutes=2)
    file.write_bytes(content)
    right = look(minutes=3)

    assert [kinds(seen.lasting) for seen in (gone, other, right)] == [
        [DriftKind.FILES_CHANGED],
        [DriftKind.BYTES_CHANGED],
        [],
    ]
    assert gone.lasting[0].drift.observed == "adapter_model.safetensors"


def test_ten_rounds_of_one_lasting_drift_are_one_leaf(workspace, registry, second, look):
    registry.aliases[MODEL]["champion"] = "1"

    rounds = [look(minutes=minutes) for minutes in range(10)]

    assert len(leaves(workspace, "drift.found")) == 1
    assert len({each.id for seen in rounds for each in seen.lasting}) == 1
    assert [len(seen.changes.found) for seen in rounds] == [1] + [0] * 9


def test_ten_rounds_of_changed_bytes_are_one_leaf_and_one_hash(workspace, registry, second, look):
    look()
    flip(stored(registry, 2))
    fetches = []
    registry.before = lambda step: fetches.append(step) if step == "fetch" else None

    for minute in range(1, 10):
        look(minutes=minute)

    assert (len(leaves(workspace, "drift.found")), len(fetches)) == (1, 1)


def test_what_is_gone_by_itself_is_cleared_once(workspace, registry, second, look):
    registry.aliases[MODEL]["champion"] = "1"
    found = look().lasting[0]
    registry.aliases[MODEL]["champion"] = "2"

    rounds = [look(minutes=minutes) for minutes in (1, 2)]

    assert [len(seen.changes.cleared) for seen in rounds] == [1, 0]
    cleared = leaves(workspace, "drift.cleared")
    assert [(leaf["subject"], leaf["data"]) for leaf in cleared] == [(found.id, {"by": "gone"})]


def test_an_alias_that_moves_on_is_another_drift(workspace, registry, second, propose, look):
    propose("champion", data=None)
    registry.aliases[MODEL]["champion"] = "1"
    look()
    registry.aliases[MODEL]["champion"] = "3"

    seen = look(minutes=1)

    assert [each.drift.observed for each in seen.lasting] == ["3"]
    assert (len(leaves(workspace, "drift.found")), len(leaves(workspace, "drift.cleared"))) == (2, 1)


def test_a_version_that_nothing_leads_to_any_more_is_no_longer_watched(workspace, registry, second, policy, look):
    flip(stored(registry, 2))
    look()
    rollback(workspace, MODEL, person="dana", policy=policy, key=key_of("dana"))

    seen = look(minutes=1)

    assert seen.lasting == ()
    assert leaves(workspace, "drift.cleared")[0]["data"] == {"by": "unwatched"}


@pytest.mark.parametrize("step", ["reach", "read", "look", "fetch"])
def test_a_registry_that_cannot_be_asked_is_an_error_and_clears_nothing(workspace, registry, second, look, step):
    registry.aliases[MODEL]["champion"] = "1"
    flip(stored(registry, 2))
    moved, changed = sorted(look().lasting, key=lambda each: each.drift.kind)
    registry.aliases[MODEL]["champion"] = "2"
    flip(stored(registry, 2))

    def down(now):
        if now == step:
            raise RegistryError("the registry is down")

    registry.before = down
    seen = look(minutes=1)

    assert seen.errors == ("the registry is down",)
    kept = {"reach": {moved, changed}, "read": {moved}, "look": {changed}, "fetch": {changed}}[step]
    assert kept <= set(seen.lasting)


def test_a_move_of_ours_that_is_under_way_is_no_drift(workspace, registry, certified, propose, policy, look):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    seen = []

    def meanwhile(step):
        if step == "attach":
            registry.before = lambda step: None
            registry.aliases[MODEL]["champion"] = "2"
            seen.append(look())
            registry.aliases[MODEL]["champion"] = "1"

    registry.before = meanwhile
    promote(workspace, checked.update_id, policy=policy)

    assert [(each.lasting, each.errors) for each in seen] == [((), ())]
    assert leaves(workspace, "drift.found") == []


def test_a_move_that_ends_between_the_two_looks_is_no_drift(workspace, registry, certified, propose, policy, look):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)

    def meanwhile(step):
        if step == "read":
            registry.before = lambda step: None
            promote(workspace, checked.update_id, policy=policy)

    registry.before = meanwhile
    changes = watch_aliases(workspace, MODEL, moment=datetime.now(UTC))

    assert registry.aliases[MODEL]["champion"] == "2"
    assert changes.found == ()
    assert leaves(workspace, "drift.found") == []


def test_a_move_that_the_registry_made_late_is_adopted_and_is_no_drift(
    workspace, registry, certified, propose, policy, look
):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)

    def down(step):
        if step == "set":
            raise RegistryError("timed out")

    registry.before = down
    with pytest.raises(RegistryError):
        promote(workspace, checked.update_id, policy=policy)
    registry.before = lambda step: None
    registry.aliases[MODEL]["champion"] = "2"

    seen = look()

    assert (seen.settled, seen.lasting) == ((checked.update_id,), ())
    with workspace.store.reading() as session:
        assert updates.require(session, checked.update_id).state is State.ACTIVE


def test_verify_refuses_a_moved_alias_before_any_round(workspace, registry, second):
    registry.aliases[MODEL]["champion"] = "1"

    with pytest.raises(VerificationError, match="the last promotion left it at 2"):
        verify_alias(workspace, MODEL, "champion")
