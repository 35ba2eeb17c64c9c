from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_catalogue import benign, count, failed, load, measured, metric

from gatekeeper.core.digests import Digest
from gatekeeper.core.findings import GateReport, Status
from gatekeeper.core.verdict import Outcome, Verdict
from policies.decide import block_is_certain, decide, may_load, votes_so_far
from policies.policy import Policy

POLICY = load()
GATES = tuple(rule.gate for rule in POLICY.gates)
UPDATE = Digest("sha256:" + "0" * 64)


def judge(reports: dict[str, GateReport], policy: Policy = POLICY, **how) -> Verdict:
    return decide(policy, reports, update_digest=UPDATE, **how)


def knowledge(low: float, high: float) -> GateReport:
    return measured("behaviour/regression", metric("knowledge.delta", (low + high) / 2, low, high))


def template(changes: float) -> GateReport:
    return measured("artifact/template", count("changes", changes))


def code(files: float) -> GateReport:
    return measured("artifact/format", count("code_files", files))


def test_an_update_that_meets_every_limit_is_admitted_with_its_reasons():
    verdict = judge(benign())

    assert (verdict.outcome, verdict.errored, verdict.not_run) == (Outcome.ADMIT, False, ())
    assert [reason.outcome for reason in verdict.reasons] == [Outcome.ADMIT] * 3
    assert verdict.policy_digest == POLICY.digest
    assert verdict.update_digest == UPDATE


@pytest.mark.parametrize(
    ("low", "high", "outcome", "says"),
    [
        pytest.param(-0.04, 0.02, Outcome.ADMIT, "Knowledge changed", id="lower-bound-inside-the-margin"),
        pytest.param(-0.06, 0.02, Outcome.REVIEW, "may have changed", id="straddles-the-margin"),
        pytest.param(-0.12, -0.06, Outcome.BLOCK, "Knowledge fell", id="upper-bound-outside"),
        pytest.param(-0.05, 0.05, Outcome.REVIEW, "may have changed", id="exactly-at-the-margin"),
    ],
)
def test_an_interval_has_three_answers(low, high, outcome, says):
    verdict = judge(benign() | {"behaviour/regression": knowledge(low, high)})

    assert verdict.outcome is outcome
    assert any(says in reason.text for reason in verdict.reasons)


def test_the_strictest_vote_wins_and_comes_first():
    verdict = judge(benign() | {"artifact/template": template(2), "behaviour/regression": knowledge(-0.3, -0.2)})

    assert verdict.outcome is Outcome.BLOCK
    assert [reason.outcome for reason in verdict.reasons] == [Outcome.BLOCK, Outcome.REVIEW, Outcome.ADMIT]


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda _gate: None, id="missing"),
        pytest.param(lambda gate: failed(gate, Status.ERRORED), id="errored"),
        pytest.param(measured, id="without-its-metric"),
        pytest.param(lambda _gate: measured("data/pii"), id="report-of-another-gate"),
        pytest.param(
            lambda gate: measured(
                gate,
                count("code_files", float("nan")),
                count("changes", float("nan")),
                metric("knowledge.delta", float("nan"), float("nan"), float("nan")),
            ),
            id="not-a-number",
        ),
        pytest.param(
            lambda gate: measured(gate, metric("knowledge.delta", 0.0), count("x", 0)), id="without-an-interval"
        ),
    ],
)
def test_evidence_that_cannot_be_used_never_admits(gate, broken):
    report = broken(gate)
    reports = {key: value for key, value in (benign() | {gate: report}).items() if value is not None}

    verdict = judge(reports)

    assert verdict.outcome is Outcome.BLOCK
    assert verdict.errored is True
    assert verdict.reasons[0].gate == gate


def test_a_gate_that_could_not_measure_blocks_by_the_policys_word_and_is_no_error():
    verdict = judge(benign() | {"artifact/format": failed("artifact/format", Status.UNMEASURED, "no files")})

    assert (verdict.outcome, verdict.errored) == (Outcome.BLOCK, False)
    assert verdict.reasons[0].code == "artifact/format/unmeasured"
    assert "no files." in verdict.reasons[0].text


def test_evidence_that_blocks_outweighs_a_gate_that_failed():
    reports = benign() | {"artifact/format": code(1), "artifact/template": failed("artifact/template", Status.ERRORED)}

    verdict = judge(reports)

    assert (verdict.outcome, verdict.errored) == (Outcome.BLOCK, False)
    assert [reason.code for reason in verdict.reasons[:2]] == ["artifact/format/no-code", "artifact/template/errored"]


def test_a_gate_left_out_of_a_blocked_update_adds_nothing():
    reports = {"artifact/format": code(1), "artifact/template": template(0)}

    verdict = judge(reports, not_run=["behaviour/regression"])

    assert (verdict.outcome, verdict.errored) == (Outcome.BLOCK, False)
    assert verdict.not_run == ("behaviour/regression",)
    assert {reason.gate for reason in verdict.reasons} == set(reports)


def test_a_gate_left_out_for_no_reason_counts_as_missing():
    reports = benign()
    del reports["behaviour/regression"]

    verdict = judge(reports, not_run=["behaviour/regression"])

    assert (verdict.outcome, verdict.errored, verdict.not_run) == (Outcome.BLOCK, True, ())
    assert verdict.reasons[0].code == "behaviour/regression/missing"


def test_a_policy_that_requires_nothing_blocks():
    verdict = judge(benign(), replace(POLICY, gates=()))

    assert verdict.outcome is Outcome.BLOCK
    assert verdict.reasons[0].code == "policy/empty"


def test_a_gate_without_limits_blocks():
    bare = replace(POLICY, gates=(replace(POLICY.gates[0], limits=()),))

    assert judge(benign(), bare).outcome is Outcome.BLOCK


def test_certifying_uses_its_own_section():
    assert judge({"artifact/format": code(0)}, section="certify").outcome is Outcome.ADMIT
    assert judge({"artifact/format": code(0)}).outcome is Outcome.BLOCK
    assert judge(benign(), replace(POLICY, certify=()), section="certify").outcome is Outcome.BLOCK


def test_a_block_is_certain_once_evidence_says_so_and_not_because_something_failed():
    assert block_is_certain(POLICY, {"artifact/format": code(1)}) is True
    assert block_is_certain(POLICY, {"artifact/format": code(0)}) is False
    assert block_is_certain(POLICY, {"artifact/format": failed("artifact/format", Status.ERRORED)}) is False
    assert [vote.outcome for vote in votes_so_far(POLICY, {"artifact/format": code(0)})] == [Outcome.ADMIT]


@pytest.mark.parametrize(
    ("reports", "allowed"),
    [
        pytest.param({}, False, id="nothing-measured"),
        pytest.param({"artifact/format": code(0)}, False, id="template-missing"),
        pytest.param({"artifact/format": code(1), "artifact/template": template(0)}, False, id="code"),
        pytest.param({"artifact/format": code(0), "artifact/template": template(0)}, True, id="both-pass"),
        pytest.param({"artifact/format": code(0), "artifact/template": template(1)}, True, id="template-in-review"),
        pytest.param(
            {"artifact/format": failed("artifact/format", Status.ERRORED), "artifact/template": template(0)},
            False,
            id="failed",
        ),
    ],
)
def test_a_candidate_is_loaded_only_after_the_artifact_gates_passed(reports, allowed):
    assert may_load(POLICY, reports) is allowed


def test_nothing_is_loaded_under_a_policy_that_does_not_look_first():
    assert may_load(POLICY, benign(), section="certify") is False


def test_the_evidence_digest_covers_gates_that_only_observe():
    observed = benign() | {"data/pii": measured("data/pii", count("rows", 3))}

    assert judge(observed).outcome is Outcome.ADMIT
    assert judge(observed).evidence_digest != judge(benign()).evidence_digest


NUMBER = st.one_of(st.floats(-1, 1), st.sampled_from([float("nan"), float("inf"), 0.0, -0.05]))
REPORT = {
    "artifact/format": st.builds(code, NUMBER),
    "artifact/template": st.builds(template, NUMBER),
    "behaviour/regression": st.builds(
        lambda value, low, high: measured("behaviour/regression", metric("knowledge.delta", value, low, high)),
        NUMBER,
        st.none() | NUMBER,
        st.none() | NUMBER,
    ),
}


def any_report(gate: str) -> st.SearchStrategy[GateReport | None]:
    without = [None, measured(gate), failed(gate, Status.ERRORED), failed(gate, Status.UNMEASURED)]
    return st.one_of(REPORT[gate], st.sampled_from(without))


REPORTS = st.fixed_dictionaries({gate: any_report(gate) for gate in GATES}).map(
    lambda found: {gate: report for gate, report in found.items() if report is not None}
)


@given(reports=REPORTS, order=st.permutations(GATES), skipped=st.sets(st.sampled_from(GATES)))
def test_the_order_of_reports_does_not_matter(reports, order, skipped):
    shuffled = {gate: reports[gate] for gate in order if gate in reports}

    assert judge(shuffled, not_run=sorted(skipped)) == judge(reports, not_run=sorted(skipped, reverse=True))


@given(reports=REPORTS, gate=st.sampled_from(GATES), skipped=st.sets(st.sampled_from(GATES)))
def test_removing_or_breaking_a_report_never_loosens_a_verdict(reports, gate, skipped):
    before = judge(reports, not_run=skipped)
    removed = {key: report for key, report in reports.items() if key != gate}

    for worse in (removed, removed | {gate: failed(gate, Status.ERRORED)}, removed | {gate: measured(gate)}):
        assert judge(worse, not_run=skipped).outcome >= before.outcome


@given(
    low=st.floats(-1, 1), width=st.floats(0, 1), fall=st.floats(0, 1), files=st.integers(0, 3), more=st.integers(0, 3)
)
def test_a_stricter_report_never_loosens_a_verdict(low, width, fall, files, more):
    before = benign() | {"behaviour/regression": knowledge(low, low + width), "artifact/format": code(files)}
    after = before | {
        "behaviour/regression": knowledge(low - fall, low + width - fall),
        "artifact/format": code(files + more),
    }

    assert judge(after).outcome >= judge(before).outcome


@given(reports=REPORTS)
def test_only_complete_and_sound_evidence_is_admitted(reports):
    verdict = judge(reports)

    if verdict.outcome is Outcome.ADMIT:
        assert set(reports) == set(GATES)
        assert all(report.status is Status.MEASURED for report in reports.values())
        assert not verdict.errored
    if verdict.errored:
        assert verdict.outcome is Outcome.BLOCK


@given(reports=REPORTS)
def test_a_certain_block_stays_whatever_comes_later(reports):
    seen: dict[str, GateReport] = {}
    for gate in GATES:
        if gate in reports:
            seen[gate] = reports[gate]
        if block_is_certain(POLICY, seen):
            assert judge(reports).outcome is Outcome.BLOCK
            assert judge(reports).errored is False
