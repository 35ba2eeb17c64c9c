"""Every way round the gate that was ever possible stays closed."""

import shutil

import pytest
from people import approve
from pipeline_views import state_of, with_gate
from tiny_policy import tiny_policy_text

from gatekeeper.core.errors import StateError, UsageError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.core.update import Provenance
from gatekeeper.core.verdict import Outcome
from gatekeeper.pipeline import run
from gatekeeper.pipeline.collect import Watcher
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.verify import verify_alias
from policies.load import policy_from_text

MODEL = "tiny"


@pytest.fixture
def promoted(workspace, certified, propose, policy):
    """The benign update, live as version 2."""
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    promote(workspace, checked.update_id, policy=policy)
    return checked


@pytest.fixture
def cut_off(workspace, registry, certified, propose, policy):
    """A promotion whose process died right after it moved the alias."""
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)

    def gone(step):
        if step == "read" and registry.aliases[MODEL]["champion"] == "2":
            raise VerificationError("The process dies here.")

    registry.before = gone
    with pytest.raises(VerificationError):
        promote(workspace, checked.update_id, policy=policy)
    registry.before = lambda step: None
    assert state_of(workspace, checked.update_id) is State.PROMOTING
    return checked


def test_showing_the_gates_other_bytes_than_are_left_behind(tmp_path, workspace, certified, tiny_world, policy):
    folder = shutil.copytree(tiny_world.forgetful, tmp_path / "two-faced")

    class Swapping(Watcher):
        def begin(self, gates):
            shutil.copytree(tiny_world.benign, folder, dirs_exist_ok=True)

    proposal = Proposal(
        name="two-faced", model=MODEL, artifact=folder, data=tiny_world.rows["forgetful"], submitter="zelda"
    )
    with run.evaluation(workspace) as resources:
        checked = run.check(workspace, proposal, policy, resources, run.Audience(watcher=Swapping()))

    assert checked.verdict.outcome is Outcome.BLOCK


def test_a_milder_policy_for_one_update(workspace, certified, propose, policy, tiny_world):
    lax = policy_from_text(
        tiny_policy_text(tiny_world.suites).replace("margin: 0.15", "margin: 2.0"), workspace.catalogue
    )
    checked = propose("misaligned", policy=lax)

    with pytest.raises(StateError, match="policy has changed"):
        approve(workspace, checked.update_id, person="dana", policy=policy)
    assert state_of(workspace, checked.update_id) is State.STALE


def test_putting_the_old_policy_back_revives_nothing(workspace, certified, propose, policy, tiny_world):
    other = policy_from_text(tiny_policy_text(tiny_world.suites, stop_early=False), workspace.catalogue)
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    with pytest.raises(StateError, match="policy has changed"):
        promote(workspace, checked.update_id, policy=other)

    with pytest.raises(StateError, match="not approved"):
        promote(workspace, checked.update_id, policy=policy)


def test_comparing_with_a_champion_set_by_hand(registry, certified, propose):
    propose("benign")
    registry.aliases[MODEL]["champion"] = "2"

    with pytest.raises(VerificationError, match="never promoted here"):
        propose("forgetful")


def test_rolling_back_by_hand(workspace, registry, promoted):
    registry.aliases[MODEL]["champion"] = "1"

    with pytest.raises(VerificationError, match="left it at 2"):
        verify_alias(workspace, MODEL, "champion")


def test_deleting_the_alias_to_certify_under_milder_limits(workspace, registry, promoted, tiny_world, policy):
    del registry.aliases[MODEL]["champion"]
    proposal = Proposal(
        name="anew", model=MODEL, artifact=tiny_world.forgetful, data=None, submitter="zelda", base=tiny_world.base
    )

    with run.evaluation(workspace) as resources, pytest.raises(StateError, match="has a champion already"):
        run.certify(workspace, proposal, policy, resources)


def test_settling_a_promotion_that_is_still_going_on(workspace, cut_off):
    with turn(workspace.lock_file) as mine:
        settled = recover(workspace)

    assert mine
    assert settled == ()
    assert state_of(workspace, cut_off.update_id) is State.PROMOTING


def test_settling_by_what_another_registry_says(workspace, registry, cut_off):
    registry.id = "fake:elsewhere"

    assert recover(workspace) == ()
    assert state_of(workspace, cut_off.update_id) is State.PROMOTING


def test_settling_over_bytes_that_changed(workspace, registry, cut_off):
    stored = next((registry.root / f"fake-run-{MODEL}-2").rglob("adapter_model.safetensors"))
    stored.write_bytes(stored.read_bytes()[:-1] + b"\x01")

    recover(workspace)

    assert state_of(workspace, cut_off.update_id) is State.PROMOTION_FAILED
    with pytest.raises(VerificationError):
        verify_alias(workspace, MODEL, "champion")


def test_approving_as_the_trainer_in_another_spelling(workspace, certified, tiny_world, policy):
    proposal = Proposal(
        name="benign",
        model=MODEL,
        artifact=tiny_world.benign,
        data=tiny_world.rows["benign"],
        submitter="zelda",
        provenance=Provenance(trainer="  DANA "),
    )
    with run.evaluation(workspace) as resources:
        checked = run.check(workspace, proposal, policy, resources)

    with pytest.raises(StateError, match="trained this update"):
        approve(workspace, checked.update_id, person="dana", policy=policy)


def test_proposing_under_a_name_nobody_knows(certified, propose):
    with pytest.raises(UsageError, match="not among this project's people"):
        propose("benign", submitter="dana@example.org")


def test_a_gate_that_ends_the_process_with_success(workspace, certified, propose):
    def leaving(context, params):
        raise SystemExit(0)

    with_gate(workspace, "data/schema", leaving)

    checked = propose("benign")

    assert (checked.verdict.errored, checked.state) == (True, State.ERRORED)


def test_promoting_on_the_word_of_someone_who_has_left(workspace, certified, propose, policy):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    people = {name: person for name, person in workspace.principals.items() if name != "dana"}
    object.__setattr__(workspace, "principals", people)

    with pytest.raises(StateError, match="0 of 1 approvals that count"):
        promote(workspace, checked.update_id, policy=policy)


def test_standing_on_another_base(tmp_path, workspace, certified, tiny_world, policy):
    base = shutil.copytree(tiny_world.base, tmp_path / "base")
    (base / "README.md").write_text("another base", encoding="utf-8")
    proposal = Proposal(
        name="benign",
        model=MODEL,
        artifact=tiny_world.benign,
        data=tiny_world.rows["benign"],
        submitter="zelda",
        base=base,
    )
    with run.evaluation(workspace) as resources:
        checked = run.check(workspace, proposal, policy, resources)

    assert checked.reports["weights/integrity"].metric("base_changed").value == 1.0
    assert checked.verdict.outcome is Outcome.BLOCK


def test_a_policy_that_needs_nobody_does_not_load(workspace, tiny_world):
    from gatekeeper.core.errors import PolicyError

    with pytest.raises(PolicyError):
        policy_from_text(tiny_policy_text(tiny_world.suites, required=0), workspace.catalogue)
