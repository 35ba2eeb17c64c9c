"""What a verdict counts of what people accepted: exactly that finding, where the policy lets them, and no more."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_catalogue import CATALOGUE

from gatekeeper.core.errors import PolicyError
from gatekeeper.core.findings import GateReport, Metric, Status
from gatekeeper.core.verdict import Outcome, Waived
from policies.decide import decide, evidence_digest
from policies.explain import explain
from policies.form import policy_from_form
from policies.load import policy_from_text
from policies.policy import normal_form
from policies.waivers import finding_of

UPDATE = "sha256:" + "1" * 64
BASE = """\
policy: small
version: 1
stop_early: false
gates:
  - gate: artifact/format
    limits:
      - {id: no-code, admit: 'm["code_files"].value == 0', because: "code"}
  - gate: artifact/template
    limits:
      - {id: same, admit: 'm["changes"].value == 0', otherwise: review, because: "changes"}
  - gate: data/pii
    unmeasured: review
    limits:
      - {id: contact, admit: 'm["rows"].value == 0', block: 'm["rows"].value > 10.0', because: "rows"}
      - {id: risk, admit: 'm["risk"].value == 0', otherwise: review, because: "risk"}
"""
WAIVERS = """\
waivers:
  - {gate: data/pii, limits: [contact], roles: [privacy], days: 14}
"""


def policy(more=WAIVERS):
    return policy_from_text(BASE + more, CATALOGUE)


def measured(gate, **values):
    metrics = tuple(Metric(name=name, value=float(value), unit="rows", n=100) for name, value in values.items())
    return GateReport(gate=gate, version=1, status=Status.MEASURED, metrics=metrics)


def reports(rows=3, risk=0, changes=0):
    found = (
        measured("artifact/format", code_files=0),
        measured("artifact/template", changes=changes),
        measured("data/pii", rows=rows, risk=risk),
    )
    return {each.gate: each for each in found}


def accepted(chosen, evidence, code="data/pii/contact", **changed):
    verdict = decide(chosen, evidence, update_digest=UPDATE)
    gate = code.rpartition("/")[0]
    reason = next(each for each in verdict.reasons if each.code == code)
    finding = finding_of(reason, evidence[gate], update_digest=UPDATE, policy_digest=chosen.digest)
    made = Waived(gate=gate, code=code, finding=finding, ids=("wav-1",), expires="2027-01-01T00:00:00Z")
    return dataclasses.replace(made, **changed)


def test_an_accepted_review_is_satisfied_and_says_so():
    chosen, evidence = policy(), reports()
    waiver = accepted(chosen, evidence)

    verdict = decide(chosen, evidence, update_digest=UPDATE, waived=[waiver])

    assert decide(chosen, evidence, update_digest=UPDATE).outcome is Outcome.REVIEW
    assert verdict.outcome is Outcome.ADMIT
    assert verdict.waived == (waiver,)
    reason = next(each for each in verdict.reasons if each.code == waiver.code)
    assert reason.text.endswith("1 person accepted this until 2027-01-01T00:00:00Z.")


def test_what_people_accepted_is_part_of_the_evidence():
    chosen, evidence = policy(), reports()
    waiver = accepted(chosen, evidence)

    with_it = decide(chosen, evidence, update_digest=UPDATE, waived=[waiver])

    assert with_it.evidence_digest != evidence_digest(evidence.values())
    assert decide(chosen, evidence, update_digest=UPDATE).evidence_digest == evidence_digest(evidence.values())
    assert with_it == decide(chosen, dict(reversed(evidence.items())), update_digest=UPDATE, waived=[waiver])


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"finding": "sha256:" + "0" * 64}, id="another-finding"),
        pytest.param({"code": "data/pii/risk"}, id="another-limit"),
        pytest.param({"ids": ()}, id="by-nobody"),
    ],
)
def test_a_waiver_of_something_else_counts_for_nothing(changed):
    chosen, evidence = policy(), reports()

    verdict = decide(chosen, evidence, update_digest=UPDATE, waived=[accepted(chosen, evidence, **changed)])

    assert verdict == decide(chosen, evidence, update_digest=UPDATE)


def test_a_waiver_does_not_move_to_another_report_update_or_policy():
    chosen, evidence = policy(), reports()
    waiver = accepted(chosen, evidence)
    later = policy(WAIVERS.replace("days: 14", "days: 15"))
    cases = [
        (chosen, reports(rows=4), UPDATE),
        (chosen, evidence, "sha256:" + "2" * 64),
        (later, evidence, UPDATE),
    ]

    for one, found, update in cases:
        verdict = decide(one, found, update_digest=update, waived=[waiver])

        assert (verdict.outcome, verdict.waived) == (Outcome.REVIEW, ())


def test_a_block_stays():
    chosen, blocked = policy(), reports(rows=11)

    verdict = decide(chosen, blocked, update_digest=UPDATE, waived=[accepted(chosen, blocked)])

    assert (verdict.outcome, verdict.waived) == (Outcome.BLOCK, ())


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(GateReport(gate="data/pii", version=1, status=Status.UNMEASURED, note="few"), id="unmeasured"),
        pytest.param(GateReport(gate="data/pii", version=1, status=Status.ERRORED, note="boom"), id="errored"),
        pytest.param(measured("data/pii", risk=0), id="a-number-is-missing"),
        pytest.param(None, id="missing"),
    ],
)
def test_what_was_not_measured_cannot_be_accepted(report):
    chosen = policy()
    evidence = {**reports(), "data/pii": report}
    if report is None:
        del evidence["data/pii"]
    before = decide(chosen, evidence, update_digest=UPDATE)
    waivers = [
        Waived(
            gate="data/pii",
            code=reason.code,
            finding=finding_of(
                reason, report or measured("data/pii"), update_digest=UPDATE, policy_digest=chosen.digest
            ),
            ids=("wav-1",),
            expires="2027-01-01T00:00:00Z",
        )
        for reason in before.reasons
    ]

    assert decide(chosen, evidence, update_digest=UPDATE, waived=waivers) == before


@given(
    rows=st.integers(0, 20),
    risk=st.integers(0, 2),
    changes=st.integers(0, 1),
    codes=st.sets(st.sampled_from(["data/pii/contact", "data/pii/risk", "artifact/template/same"])),
)
def test_a_waiver_never_makes_a_verdict_stricter_nor_touches_another_reason(rows, risk, changes, codes):
    chosen = policy()
    evidence = reports(rows=rows, risk=risk, changes=changes)
    before = decide(chosen, evidence, update_digest=UPDATE)

    after = decide(chosen, evidence, update_digest=UPDATE, waived=[accepted(chosen, evidence, code) for code in codes])

    assert after.outcome <= before.outcome
    assert (before.outcome is Outcome.BLOCK) == (after.outcome is Outcome.BLOCK)
    untouched = {each.code: each for each in before.reasons if each.code != "data/pii/contact"}
    assert {each.code: each for each in after.reasons if each.code != "data/pii/contact"} == untouched


def test_an_explanation_shows_what_was_accepted():
    chosen, evidence = policy(), reports()
    verdict = decide(chosen, evidence, update_digest=UPDATE, waived=[accepted(chosen, evidence)])

    lines = {f"{line.gate}/{line.id}": line for line in explain(chosen, evidence, verdict)}

    assert lines["data/pii/contact"].outcome is Outcome.ADMIT
    assert "accepted this until" in lines["data/pii/contact"].text


def test_a_policy_without_waivers_keeps_its_digest_and_one_with_them_comes_back():
    without, chosen = policy(""), policy()

    assert "waivers" not in normal_form(without)
    assert chosen.digest != without.digest
    for each in (without, chosen):
        assert policy_from_form(normal_form(each), CATALOGUE, digest=each.digest) == each


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        pytest.param("{gate: data/poison, limits: [x], roles: [a], days: 1}", "requires no gate", id="no-gate"),
        pytest.param("{gate: data/pii, limits: [contacts], roles: [a], days: 1}", "has no limit", id="no-limit"),
        pytest.param("{gate: data/pii, limits: [unmeasured], roles: [a], days: 1}", "has no limit", id="whole-gate"),
        pytest.param("{gate: data/pii, limits: [risk, risk], roles: [a], days: 1}", "named twice", id="twice"),
        pytest.param("{gate: data/pii, limits: [risk], roles: [], days: 1}", "roles", id="nobody"),
        pytest.param("{gate: data/pii, limits: [risk], roles: [a], days: 0}", "days", id="no-time"),
        pytest.param("{gate: data/pii, limits: [risk], roles: [a], days: 91}", "days", id="for-ever"),
        pytest.param("{gate: data/pii, limits: [risk], roles: [a], days: 1, required: 0}", "required", id="no-people"),
        pytest.param(
            "{gate: data/pii, limits: [risk], roles: [a], days: 1, overrules: block}", "overrules", id="a-block"
        ),
    ],
)
def test_a_policy_that_would_let_too_much_be_accepted_does_not_load(entry, says):
    with pytest.raises(PolicyError, match=says):
        policy(f"waivers:\n  - {entry}\n")
