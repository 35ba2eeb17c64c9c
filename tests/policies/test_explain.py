import pytest
from policy_catalogue import CATALOGUE, SMALL, benign, failed, load, measured, metric

from gatekeeper.core.digests import Digest
from gatekeeper.core.findings import Status
from gatekeeper.core.verdict import Outcome
from policies.decide import decide
from policies.explain import explain, explain_policy
from policies.expression import Better

POLICY = load()
UPDATE = Digest("sha256:" + "0" * 64)


def lines(reports, **how):
    return explain(POLICY, reports, decide(POLICY, reports, update_digest=UPDATE, **how))


def test_a_line_shows_the_rule_the_numbers_and_the_sentence():
    reports = benign() | {
        "behaviour/regression": measured("behaviour/regression", metric("knowledge.delta", -0.15, -0.2, -0.1))
    }

    line = lines(reports)[-1]

    assert (line.gate, line.id, line.outcome) == ("behaviour/regression", "knowledge", Outcome.BLOCK)
    assert (line.admit, line.block) == (
        'm["knowledge.delta"].low > -margin',
        'm["knowledge.delta"].high < -margin',
    )
    assert dict(line.numbers) == {
        'm["knowledge.delta"].low': -0.2,
        'm["knowledge.delta"].high': -0.1,
        "margin": 0.05,
    }
    assert (line.metric, line.value, line.low, line.high) == ("knowledge.delta", -0.15, -0.2, -0.1)
    assert (line.threshold, line.better) == (-0.05, Better.HIGHER)
    assert line.text == "Knowledge fell by −15.0 points, the margin is 5 points."


def test_the_lines_are_the_verdicts_reasons():
    reports = benign() | {"artifact/template": failed("artifact/template", Status.ERRORED)}
    verdict = decide(POLICY, reports, update_digest=UPDATE)

    found = explain(POLICY, reports, verdict)

    assert {(line.gate, line.outcome, line.text) for line in found} == {
        (reason.gate, reason.outcome, reason.text) for reason in verdict.reasons
    }
    assert [line.id for line in found if line.errored] == ["errored"]


def test_a_missing_number_is_shown_as_missing():
    line = lines(benign() | {"behaviour/regression": measured("behaviour/regression")})[-1]

    assert dict(line.numbers)['m["knowledge.delta"].low'] is None
    assert line.errored
    assert "no metric named knowledge.delta" in line.text


def test_gates_that_were_not_run_have_no_line():
    reports = {"artifact/format": benign()["artifact/format"], "artifact/template": measured("artifact/template")}
    blocked = reports | {"artifact/format": failed("artifact/format", Status.UNMEASURED)}

    found = lines(blocked, not_run=["behaviour/regression"])

    assert {line.gate for line in found} == {"artifact/format", "artifact/template"}


def test_a_verdict_of_another_policy_is_not_explained():
    verdict = decide(POLICY, benign(), update_digest=UPDATE)

    with pytest.raises(RuntimeError):
        explain(load(SMALL.replace("version: 1", "version: 2")), benign(), verdict)


def test_a_policy_explains_itself_without_a_run():
    asked = explain_policy(POLICY)

    assert [gate.gate for gate in asked] == [rule.gate for rule in POLICY.gates]
    assert asked[2].asks == CATALOGUE["behaviour/regression"].asks
    assert ("alpha", "0.05") in asked[2].params
    assert asked[2].limits == (
        (
            "knowledge",
            (
                "Admits when the lower bound of knowledge.delta is above −5 points; blocks when the upper bound of "
                "knowledge.delta is below −5 points; otherwise asks for a review."
            ),
        ),
    )
