"""JUnit XML: one suite per update, one test case per gate.

BLOCK and REVIEW are failures (of type ``BLOCK`` and ``REVIEW``), a gate that could not be evaluated is an error, a
gate left out is skipped, and a gate the policy does not name passes with the note that it only observes.
"""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from audits.reports.model import RunView, UpdateView
from audits.reports.visible import visible
from gatekeeper.core.verdict import Outcome, Reason


def render_junit(view: RunView) -> str:
    """Return the run as a JUnit XML document."""
    root = Element("testsuites", name=visible(view.title))
    for update in view.updates:
        root.append(_suite(update, view))
    _count(root, root)
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(update: UpdateView, view: RunView) -> Element:
    suite = Element(
        "testsuite",
        name=visible(update.name),
        time=f"{update.seconds:.3f}",
        timestamp=view.generated_at.replace(microsecond=0).isoformat(),
    )
    properties = SubElement(suite, "properties")
    facts = {
        "outcome": update.outcome_word,
        "state": update.state.value,
        "update": update.digest,
        "policy": update.verdict.policy_digest,
        "policy_name": visible(view.policy),
        "evidence": update.verdict.evidence_digest,
    }
    for name, value in facts.items():
        SubElement(properties, "property", name=name, value=value)
    seconds = dict(update.gate_seconds)
    for gate in update.gates:
        case = SubElement(
            suite, "testcase", name=visible(gate), classname=visible(update.name), time=f"{seconds.get(gate, 0.0):.3f}"
        )
        _result(case, update, gate)
    _count(suite, suite)
    return suite


def _result(case: Element, update: UpdateView, gate: str) -> None:
    reasons = [reason for reason in update.verdict.reasons if reason.gate == gate]
    if not reasons and gate in update.verdict.not_run:
        SubElement(case, "skipped", message="Not run: the update was already blocked.")
        return
    if not reasons:
        SubElement(case, "system-out").text = "Observed only: the policy does not name this gate."
        return
    strict = [reason for reason in reasons if reason.outcome is not Outcome.ADMIT]
    if strict:
        worst = strict[0]
        kind = "error" if all(update.errored(reason) for reason in strict) else "failure"
        problem = SubElement(case, kind, type=update.word(worst), message=visible(worst.text))
        problem.text = _lines(strict)
        return
    SubElement(case, "system-out").text = _lines(reasons)


def _lines(reasons: list[Reason]) -> str:
    return "\n".join(visible(f"{reason.code}: {reason.text}") for reason in reasons)


def _count(element: Element, root: Element) -> None:
    cases = list(root.iter("testcase"))
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
