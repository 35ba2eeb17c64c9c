"""A small made-up catalogue and the shortest policy over it."""

from dataclasses import dataclass
from enum import StrEnum

from gatekeeper.core.findings import Finding, GateReport, Metric, Severity, Status
from gatekeeper.core.gate import Gate, GateContext, NoParams
from policies.load import policy_from_text
from policies.policy import Policy


class Depth(StrEnum):
    SHALLOW = "shallow"
    DEEP = "deep"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreParams:
    alpha: float = 0.05
    items: int = 100
    strict: bool = False
    spend_alpha: bool = False
    suites: tuple[str, ...] = ("builtin:knowledge",)
    depth: Depth = Depth.SHALLOW

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError("alpha lies between 0 and 1")


def _never(_context: GateContext, _params: object) -> GateReport:
    raise AssertionError("a policy never runs a gate")


CATALOGUE = {
    name: Gate(id=name, asks=f"What about {name}?", version=1, params=params, measure=_never)
    for name, params in (
        ("artifact/format", NoParams),
        ("artifact/template", NoParams),
        ("data/pii", NoParams),
        ("behaviour/regression", ScoreParams),
    )
}

SMALL = """\
policy: small
version: 1
about: Two limits over made-up gates.
gates:
  - gate: artifact/format
    limits:
      - id: no-code
        admit: 'm["code_files"].value == 0'
        because: "{m[code_files].value} files can run code."
  - gate: artifact/template
    limits:
      - id: same
        admit: 'm["changes"].value == 0'
        otherwise: review
        because: "{m[changes].value} changes to the template."
  - gate: behaviour/regression
    params: {alpha: 0.05}
    limits:
      - id: knowledge
        margin: 0.05
        admit: 'm["knowledge.delta"].low > -margin'
        block: 'm["knowledge.delta"].high < -margin'
        because:
          admit: "Knowledge changed by {m[knowledge.delta].value:+.1points}."
          review: "Knowledge may have changed by more than {margin:points}."
          block: "Knowledge fell by {m[knowledge.delta].value:.1points}, the margin is {margin:points}."
certify:
  - gate: artifact/format
    limits:
      - {id: no-code, admit: 'm["code_files"].value == 0', because: "{m[code_files].value} files can run code."}
"""


def load(text: str = SMALL) -> Policy:
    return policy_from_text(text, CATALOGUE, name="small.yaml")


def metric(name: str, value: float, low: float | None = None, high: float | None = None) -> Metric:
    return Metric(name=name, value=value, low=low, high=high, unit="share", n=300, confidence=0.95)


def count(name: str, value: float) -> Metric:
    return Metric(name=name, value=value, unit="files", n=10)


def measured(gate: str, *metrics: Metric, findings: tuple[Finding, ...] = ()) -> GateReport:
    return GateReport(gate=gate, version=1, status=Status.MEASURED, metrics=metrics, findings=findings)


def failed(gate: str, status: Status, note: str = "the reason") -> GateReport:
    return GateReport(gate=gate, version=1, status=status, note=note)


def finding(code: str, severity: Severity = Severity.HIGH) -> Finding:
    return Finding(code=code, severity=severity, confidence=0.9, subject="row-1", message="A fact.")


def benign() -> dict[str, GateReport]:
    return {
        "artifact/format": measured("artifact/format", count("code_files", 0)),
        "artifact/template": measured("artifact/template", count("changes", 0)),
        "behaviour/regression": measured("behaviour/regression", metric("knowledge.delta", 0.01, -0.02, 0.04)),
    }
