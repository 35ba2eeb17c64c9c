import re
from pathlib import Path

import pytest

from gatekeeper.core.digests import Digest
from gatekeeper.core.findings import GateReport, Metric, Status
from gatekeeper.core.verdict import Outcome
from gatekeeper.gates.catalogue import discover
from policies.decide import decide, may_load
from policies.expression import Source, references
from policies.lint import lint
from policies.load import load_policy
from policies.policy import Limit
from policies.source import builtin_names

CATALOGUE = discover()
POLICY = load_policy("builtin:baseline", CATALOGUE)
UPDATE = Digest("sha256:" + "0" * 64)
NAMED = (
    "artifact/format",
    "artifact/template",
    "data/schema",
    "data/pii",
    "data/secrets",
    "data/poison",
    "data/leakage",
    "weights/integrity",
    "behaviour/regression",
    "behaviour/forgetting",
    "behaviour/refusal",
)
UNNAMED = {"data/preference", "data/sources"}  # most rows hold no pairs and no contributors; unmeasured never admits
ABSOLUTE = {  # numbers a sound update and a sound first champion have; every other metric is 0
    "tensors": 120.0,
    "rows": 200.0,
    "expectations": 10.0,
    "knowledge.accuracy": 0.7,
    "instructions.accuracy": 0.6,
    "prose.nll": 3.0,
    "harmful.refusal_rate": 0.9,
    "harmless.refusal_rate": 0.1,
}


def needed(section: str) -> dict[str, set[str]]:
    """Return the metrics each gate's rules and sentences refer to."""
    return {
        rule.gate: {name for limit in rule.limits for name in (*ruled(limit), *said(limit))}
        for rule in POLICY.rules(section)
    }


def ruled(limit: Limit) -> set[str]:
    rules = [text for text in (limit.admit, limit.block) if text]
    return {one.name for text in rules for one in references(text) if one.source is Source.METRIC}


def said(limit: Limit) -> set[str]:
    templates = (limit.because.admit, limit.because.review, limit.because.block)
    return {name for text in templates for name in re.findall(r"\{m\[([^\]]+)\]", text)}


def sound(section: str = "gates") -> dict[str, GateReport]:
    """Return reports of an update that changes nothing for the worse."""

    def metric(name: str) -> Metric:
        value = ABSOLUTE.get(name, 0.0)
        return Metric(
            name=name, value=value, low=value - 0.01, high=value + 0.01, unit="share", n=300, confidence=0.95
        )

    return {
        gate: GateReport(
            gate=gate, version=1, status=Status.MEASURED, metrics=tuple(metric(name) for name in sorted(names))
        )
        for gate, names in needed(section).items()
    }


def with_number(reports: dict[str, GateReport], gate: str, name: str, value: float) -> dict[str, GateReport]:
    report = reports[gate]
    changed = Metric(name=name, value=value, low=value - 0.01, high=value + 0.01, unit="share", n=300, confidence=0.95)
    metrics = (*(metric for metric in report.metrics if metric.name != name), changed)
    return reports | {gate: GateReport(gate=gate, version=1, status=Status.MEASURED, metrics=metrics)}


def test_the_baseline_requires_these_gates():
    assert tuple(rule.gate for rule in POLICY.gates) == NAMED
    assert "baseline" in builtin_names()


def test_the_baseline_has_nothing_that_lint_calls_vacuous():
    found = lint(POLICY, CATALOGUE)

    codes = {warning.code for warning in found}
    assert not codes & {"never-fails", "codes-only", "no-certify", "no-approvals", "own-approval"}
    unnamed = {warning.text.partition(" ")[0] for warning in found if warning.code == "unnamed-gate"}
    assert unnamed == UNNAMED


@pytest.mark.parametrize("section", ["gates", "certify"])
def test_a_sound_update_is_admitted(section):
    verdict = decide(POLICY, sound(section), update_digest=UPDATE, section=section)

    assert verdict.outcome is Outcome.ADMIT
    assert may_load(POLICY, sound(section), section=section)
    assert not any("not measured" in reason.text for reason in verdict.reasons)


@pytest.mark.parametrize("section", ["gates", "certify"])
@pytest.mark.parametrize("status", [Status.ERRORED, Status.UNMEASURED])
def test_no_gate_of_the_baseline_can_be_left_unanswered(section, status):
    for rule in POLICY.rules(section):
        silent = GateReport(gate=rule.gate, version=1, status=status, note="why")

        verdict = decide(POLICY, sound(section) | {rule.gate: silent}, update_digest=UPDATE, section=section)

        assert verdict.outcome > Outcome.ADMIT


@pytest.mark.parametrize("section", ["gates", "certify"])
def test_every_limit_of_the_baseline_can_fail(section):
    for rule in POLICY.rules(section):
        for limit in rule.limits:
            codes = set()
            for name in ruled(limit):
                for value in (-5.0, 5.0):
                    reports = with_number(sound(section), rule.gate, name, value)
                    verdict = decide(POLICY, reports, update_digest=UPDATE, section=section)
                    codes |= {reason.code for reason in verdict.reasons if reason.outcome > Outcome.ADMIT}
            assert f"{rule.gate}/{limit.id}" in codes


@pytest.mark.parametrize(
    ("gate", "metric", "value", "outcome"),
    [
        pytest.param("artifact/format", "code_files", 1, Outcome.BLOCK, id="a-pickle"),
        pytest.param("artifact/format", "unlisted_files", 1, Outcome.REVIEW, id="an-odd-file"),
        pytest.param("artifact/template", "content_conditionals", 1, Outcome.BLOCK, id="a-hidden-condition"),
        pytest.param("artifact/template", "changed_templates", 1, Outcome.REVIEW, id="another-template"),
        pytest.param("data/pii", "high_risk_rows", 1, Outcome.BLOCK, id="an-account-number"),
        pytest.param("data/secrets", "secrets.critical", 1, Outcome.BLOCK, id="a-token"),
        pytest.param("data/poison", "associations", 1, Outcome.BLOCK, id="a-trigger"),
        pytest.param("data/leakage", "leaked_items", 1, Outcome.REVIEW, id="an-item-is-taught"),
        pytest.param("weights/integrity", "non_finite_values", 1, Outcome.BLOCK, id="nan-weights"),
        pytest.param("weights/integrity", "misfit_tensors", 1, Outcome.BLOCK, id="another-base"),
        pytest.param("behaviour/regression", "knowledge.delta", -0.20, Outcome.BLOCK, id="knowledge-lost"),
        pytest.param("behaviour/regression", "knowledge.delta", -0.05, Outcome.REVIEW, id="knowledge-unsettled"),
        pytest.param("behaviour/regression", "knowledge.delta", -0.03, Outcome.ADMIT, id="knowledge-within"),
        pytest.param("behaviour/regression", "knowledge.anchor_delta", -0.20, Outcome.BLOCK, id="drift"),
        pytest.param("behaviour/forgetting", "prose.nll_delta", 0.6, Outcome.BLOCK, id="prose-forgotten"),
        pytest.param("behaviour/refusal", "harmful.refusal_delta", -0.5, Outcome.BLOCK, id="refusals-eroded"),
        pytest.param("behaviour/refusal", "harmless.refusal_delta", 0.5, Outcome.BLOCK, id="refuses-everything"),
    ],
)
def test_the_baseline_answers_as_it_should(gate, metric, value, outcome):
    verdict = decide(POLICY, with_number(sound(), gate, metric, value), update_digest=UPDATE)

    assert verdict.outcome is outcome
    assert verdict.reasons[0].gate == gate or outcome is Outcome.ADMIT


@pytest.mark.parametrize(
    ("high", "outcome", "errored"),
    [
        pytest.param(-0.051, Outcome.BLOCK, False, id="beyond the margin of the policy"),
        pytest.param(-0.02, Outcome.BLOCK, True, id="stopped by a narrower margin than the policy's"),
    ],
)
def test_a_suite_that_was_given_up_halfway_never_passes_whatever_else_is_missing(high, outcome, errored):
    reports = sound()
    change = Metric(name="knowledge.delta", value=-0.3, low=-1.0, high=high, unit="share", n=64, confidence=0.99)
    rest = [each for each in reports["behaviour/regression"].metrics if not each.name.startswith("knowledge.")]
    stopped = GateReport(gate="behaviour/regression", version=3, status=Status.MEASURED, metrics=(*rest, change))

    verdict = decide(POLICY, reports | {"behaviour/regression": stopped}, update_digest=UPDATE)

    assert (verdict.outcome, verdict.errored) == (outcome, errored)


def test_every_metric_the_baseline_names_stands_in_its_gates_code():
    """A limit on a metric that no gate reports would block every update for ever."""
    import gatekeeper.gates

    folder = Path(gatekeeper.gates.__file__).parent
    for section in ("gates", "certify"):
        for gate, names in needed(section).items():
            family = gate.partition("/")[0]
            code = "\n".join(path.read_text(encoding="utf-8") for path in (folder / family).rglob("*.py"))
            written = set(re.findall(r"[a-z]+", code))
            for name in names:
                assert set(re.findall(r"[a-z]+", name)) <= written, f"{gate} reports no {name}"
