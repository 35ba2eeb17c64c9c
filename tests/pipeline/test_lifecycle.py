"""The whole life of updates on a real, tiny model: certified, admitted, blocked, approved, promoted, verified."""

import json
import shutil

import pytest
from people import approve, reject, trusting
from pipeline_views import events_of, state_of

from audits.ledger.check import verify_entries
from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.verify import verify_alias
from gatekeeper.pipeline.withdraw import withdraw
from gatekeeper.store import entries

MODEL = "tiny"


def blocking_gates(checked):
    return {reason.gate for reason in checked.verdict.reasons if reason.outcome is Outcome.BLOCK}


def test_a_certified_model_becomes_champion_and_anchor(workspace, registry, certified):
    assert registry.aliases[MODEL] == {"champion": "1", "anchor": "1"}
    assert state_of(workspace, certified.update_id) is State.ACTIVE


def test_a_benign_update_is_admitted_approved_promoted_and_verified(workspace, registry, certified, propose, policy):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy, comment="numbers look fine")
    promoted = promote(workspace, checked.update_id, policy=policy)

    assert checked.verdict.outcome is Outcome.ADMIT
    assert (promoted.version, promoted.previous) == ("2", "1")
    assert registry.aliases[MODEL] == {"champion": "2", "anchor": "1"}
    assert verify_alias(workspace, MODEL, "champion").update_id == checked.update_id
    assert state_of(workspace, certified.update_id) is State.SUPERSEDED


def test_a_forgetful_update_is_blocked_for_what_it_lost(workspace, registry, certified, propose):
    checked = propose("forgetful")

    assert checked.state is State.BLOCKED
    assert "behaviour/regression" in blocking_gates(checked)
    assert registry.aliases[MODEL]["champion"] == "1"


def test_a_misaligned_update_is_blocked_for_what_it_no_longer_refuses(workspace, registry, certified, propose):
    checked = propose("misaligned")

    assert checked.state is State.BLOCKED
    assert "behaviour/refusal" in blocking_gates(checked)
    assert "behaviour/regression" not in blocking_gates(checked)


def test_a_pickle_beside_the_weights_is_blocked_before_anything_is_loaded(tmp_path, certified, propose, tiny_world):
    folder = shutil.copytree(tiny_world.benign, tmp_path / "with-pickle")
    (folder / "optimizer.pt").write_bytes(b"\x80\x04K\x01.")

    checked = propose("benign", artifact=folder)

    assert blocking_gates(checked) == {"artifact/format"}
    assert "behaviour/regression" in checked.verdict.not_run
    assert not any(run.report.gate.startswith("behaviour/") for run in checked.runs)


def test_a_candidate_with_a_pickle_is_not_loaded_even_when_the_policy_never_stops_early(
    tmp_path, certified, propose, tiny_world, workspace
):
    from tiny_policy import tiny_policy_text

    from policies.load import policy_from_text

    stubborn = policy_from_text(tiny_policy_text(tiny_world.suites, stop_early=False), workspace.catalogue)
    folder = shutil.copytree(tiny_world.benign, tmp_path / "with-pickle")
    (folder / "optimizer.pt").write_bytes(b"\x80\x04K\x01.")

    checked = propose("benign", artifact=folder, policy=stubborn)

    assert checked.state is State.BLOCKED
    assert "data/schema" in checked.reports
    assert not any(gate.startswith("behaviour/") for gate in checked.reports)


def test_truncated_weights_are_a_verdict_and_no_accident(tmp_path, certified, propose, tiny_world):
    folder = shutil.copytree(tiny_world.benign, tmp_path / "cut")
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])

    checked = propose("benign", artifact=folder)

    assert (checked.state, checked.verdict.errored) == (State.BLOCKED, False)


def test_weights_that_are_not_numbers_are_a_verdict(tmp_path, certified, propose, tiny_world):
    import torch
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_world.benign, tmp_path / "nan")
    tensors = load_file(folder / "adapter_model.safetensors")
    name = min(tensors)
    tensors[name] = torch.full_like(tensors[name], float("nan"))
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})

    checked = propose("benign", artifact=folder)

    assert blocking_gates(checked) == {"weights/integrity"}


def test_an_adapter_for_another_base_is_a_verdict(tmp_path, certified, propose, tiny_world):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_world.benign, tmp_path / "other-base")
    tensors = load_file(folder / "adapter_model.safetensors")
    wider = {name: (t.repeat(1, 2) if "lora_A" in name else t).contiguous() for name, t in tensors.items()}
    save_file(wider, folder / "adapter_model.safetensors", metadata={"format": "pt"})

    checked = propose("benign", artifact=folder)

    assert blocking_gates(checked) == {"weights/integrity"}


def test_the_ledger_tells_the_whole_story_and_is_whole(workspace, certified, propose, policy):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    promote(workspace, checked.update_id, policy=policy)

    told = events_of(workspace, checked.update_id)
    assert told[:2] == ["update.submitted", "run.started"]
    assert told.count("gate.reported") == len(policy.gates)
    assert told[-6:] == [
        "verdict.decided",
        "candidate.logged",
        "approval.given",
        "promotion.intended",
        "promotion.observed",
        "history.entered",
    ]
    with workspace.store.reading() as session:
        assert verify_entries(session).intact


def test_no_name_stands_in_the_ledger(workspace, certified, propose, policy):
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy, comment="dana says yes")

    with workspace.store.reading() as session:
        leaves = b"".join(entry.leaf for entry in entries.stream(session))
    assert b"dana" not in leaves
    assert b"zelda" not in leaves


def test_the_proposer_cannot_approve(workspace, certified, propose, policy):
    checked = propose("benign", submitter="dana")

    with pytest.raises(StateError, match="proposed this update"):
        approve(workspace, checked.update_id, person="dana", policy=policy)


def test_a_stranger_cannot_approve(workspace, certified, propose, policy):
    checked = propose("benign")

    with pytest.raises(UsageError, match="not among this project's people"):
        approve(workspace, checked.update_id, person="mallory", policy=policy)


def test_a_person_without_the_role_cannot_approve(workspace, certified, propose, policy):
    checked = propose("benign")

    with pytest.raises(StateError, match="none of the roles"):
        approve(workspace, checked.update_id, person="ola", policy=policy)


def test_two_approvals_take_two_people(workspace, certified, propose, tiny_world):
    from tiny_policy import tiny_policy_text

    from policies.load import policy_from_text

    strict = policy_from_text(tiny_policy_text(tiny_world.suites, required=2), workspace.catalogue)
    workspace = trusting(workspace, strict)
    checked = propose("benign", policy=strict)
    first = approve(workspace, checked.update_id, person="dana", policy=strict)
    with pytest.raises(StateError, match="already decided"):
        approve(workspace, checked.update_id, person="dana", policy=strict)
    second = approve(workspace, checked.update_id, person="kim", policy=strict)

    assert (first.state, second.state) == (State.PENDING_APPROVAL, State.APPROVED)


def test_an_approval_does_not_survive_a_change_of_policy(workspace, certified, propose, policy, tiny_world):
    from tiny_policy import tiny_policy_text

    from policies.load import policy_from_text

    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    other = policy_from_text(tiny_policy_text(tiny_world.suites, stop_early=False), workspace.catalogue)

    with pytest.raises(StateError, match="policy has changed"):
        promote(workspace, checked.update_id, policy=other)


def test_a_blocked_update_cannot_be_approved_or_promoted(workspace, certified, propose, policy):
    checked = propose("misaligned")

    with pytest.raises(StateError, match="nothing waits"):
        approve(workspace, checked.update_id, person="dana", policy=policy)
    with pytest.raises(StateError, match="not approved"):
        promote(workspace, checked.update_id, policy=policy)


def test_an_expired_request_cannot_be_approved(workspace, certified, propose, policy):
    from datetime import UTC, datetime, timedelta

    checked = propose("benign")
    late = datetime.now(UTC) + timedelta(hours=73)

    with pytest.raises(StateError, match="expired"):
        approve(workspace, checked.update_id, person="dana", policy=policy, now=late)
    assert state_of(workspace, checked.update_id) is State.EXPIRED


def test_a_rejected_update_is_finished(workspace, certified, propose, policy):
    checked = propose("benign")

    reject(workspace, checked.update_id, person="dana", policy=policy, comment="not now")

    assert state_of(workspace, checked.update_id) is State.REJECTED


def test_only_the_proposer_can_withdraw(workspace, certified, propose):
    checked = propose("benign")

    with pytest.raises(StateError, match="did not propose"):
        withdraw(workspace, checked.update_id, person="dana")
    withdraw(workspace, checked.update_id, person="zelda")

    assert state_of(workspace, checked.update_id) is State.WITHDRAWN


def test_a_second_certification_is_refused(workspace, certified, tiny_world, policy):
    from gatekeeper.pipeline import run
    from gatekeeper.pipeline.submit import Proposal

    proposal = Proposal(
        name="again", model=MODEL, artifact=tiny_world.benign, data=None, submitter="zelda", base=tiny_world.base
    )

    with run.evaluation(workspace) as resources, pytest.raises(StateError, match="has a champion already"):
        run.certify(workspace, proposal, policy, resources)


def test_the_same_update_gets_the_same_evidence_twice(certified, propose):
    first = propose("misaligned")
    second = propose("misaligned")

    assert first.verdict.evidence_digest == second.verdict.evidence_digest
    assert json.dumps([r.text for r in first.verdict.reasons]) == json.dumps([r.text for r in second.verdict.reasons])
