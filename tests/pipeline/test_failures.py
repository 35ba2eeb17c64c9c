"""What happens when something goes wrong on the way: nothing unproven is ever live, and everything converges."""

import pytest
from people import approve
from pipeline_views import events_of, state_of, with_gate

from gatekeeper.core.errors import GatekeeperError, InputError, RegistryError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.verify import verify_alias
from gatekeeper.store import updates

MODEL = "tiny"


def test_evidence_against_an_older_champion_goes_stale(workspace, registry, certified, propose, policy):
    first = propose("benign")
    second = propose("champion", data=None)
    for checked in (first, second):
        approve(workspace, checked.update_id, person="dana", policy=policy)
    promote(workspace, first.update_id, policy=policy)

    with pytest.raises(GatekeeperError, match="compared with 1"):
        promote(workspace, second.update_id, policy=policy)
    assert state_of(workspace, second.update_id) is State.STALE
    assert registry.aliases[MODEL]["champion"] == "2"


def test_registered_bytes_that_changed_are_never_promoted(workspace, registry, certified, propose, policy):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    stored = next((registry.root / f"fake-run-{MODEL}-2").rglob("adapter_model.safetensors"))
    stored.write_bytes(stored.read_bytes()[:-1] + b"\x01")

    with pytest.raises(VerificationError, match="no longer holds the bytes"):
        promote(workspace, checked.update_id, policy=policy)
    assert registry.aliases[MODEL]["champion"] == "1"
    assert state_of(workspace, checked.update_id) is State.PROMOTION_FAILED


def test_an_alias_moved_by_hand_does_not_verify(workspace, registry, certified, propose):
    propose("benign")
    registry.aliases[MODEL]["champion"] = "2"

    with pytest.raises(VerificationError, match="never promoted here"):
        verify_alias(workspace, MODEL, "champion")


def test_an_interrupted_run_leaves_nothing_that_could_pass(workspace, certified, propose, policy, monkeypatch):
    def interrupted(context, params):
        raise KeyboardInterrupt

    with_gate(workspace, "data/schema", interrupted)

    with pytest.raises(KeyboardInterrupt):
        propose("benign")

    with workspace.store.reading() as session:
        row = updates.latest(session, model=MODEL, limit=1)[0]
    assert row.state is State.ERRORED
    assert events_of(workspace, row.id)[-1] == "run.errored"


def test_a_gate_that_fails_is_never_a_pass(workspace, registry, certified, propose):
    def broken(context, params):
        raise ZeroDivisionError("no rows to divide by")

    with_gate(workspace, "data/schema", broken)

    checked = propose("benign")

    assert (checked.verdict.errored, checked.state) == (True, State.ERRORED)
    assert list(registry.versions[MODEL]) == registry.versions[MODEL][:1]


@pytest.mark.parametrize("what", ["weights", "rows"])
def test_what_changes_while_it_is_judged_gets_no_verdict(workspace, certified, propose, what):
    def touching(context, params):
        if what == "rows":
            context.update.data.path.write_text('{"prompt": "other", "completion": "rows"}\n', encoding="utf-8")
        else:
            weights = context.update.candidate.path / "adapter_model.safetensors"
            weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
        return real(context, params)

    real = workspace.catalogue["weights/integrity"].measure
    with_gate(workspace, "weights/integrity", touching)

    with pytest.raises(GatekeeperError, match="changed while"):
        propose("benign")
    with workspace.store.reading() as session:
        assert updates.latest(session, model=MODEL, limit=1)[0].state is State.ERRORED


def test_an_update_that_could_not_be_registered_says_so_and_promotes_nothing(registry, certified, propose):
    def unreachable(step):
        if step == "log":
            raise RegistryError("The registry is down.")

    registry.before = unreachable

    with pytest.raises(RegistryError):
        propose("benign")
    registry.before = lambda step: None
    assert registry.aliases[MODEL]["champion"] == "1"


def test_a_promotion_cut_off_before_the_alias_is_given_up_at_the_next_start(
    workspace, registry, certified, propose, policy
):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)

    def killed(step):
        if step == "set":
            raise KeyboardInterrupt

    registry.before = killed
    with pytest.raises(KeyboardInterrupt):
        promote(workspace, checked.update_id, policy=policy)
    registry.before = lambda step: None

    assert state_of(workspace, checked.update_id) is State.PROMOTION_FAILED
    assert registry.aliases[MODEL]["champion"] == "1"
    assert promote(workspace, checked.update_id, policy=policy).version == "2"


def test_a_promotion_cut_off_after_the_alias_is_finished_at_the_next_start(
    workspace, registry, certified, propose, policy
):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)

    def down_after_set(step):
        if step == "read" and registry.aliases[MODEL]["champion"] == "2":
            raise RegistryError("The registry went away.")

    registry.before = down_after_set
    with pytest.raises(RegistryError):
        promote(workspace, checked.update_id, policy=policy)
    assert state_of(workspace, checked.update_id) is State.PROMOTING
    registry.before = lambda step: None

    settled = recover(workspace)

    assert settled == (checked.update_id,)
    assert state_of(workspace, checked.update_id) is State.ACTIVE
    assert events_of(workspace, checked.update_id)[-2:] == ["promotion.observed", "history.entered"]


def test_a_base_that_was_moved_away_is_named(workspace, registry, certified, propose, tiny_world, tmp_path):
    card = next((registry.root / f"fake-run-{MODEL}-1").rglob("gatekeeper.json"))
    card.write_text(card.read_text(encoding="utf-8").replace(str(tiny_world.base), str(tmp_path / "gone")))
    for note in workspace.versions_dir.rglob("base.txt"):
        note.write_text(str(tmp_path / "gone"), encoding="utf-8")

    with pytest.raises(InputError, match="no longer at"):
        propose("benign")
