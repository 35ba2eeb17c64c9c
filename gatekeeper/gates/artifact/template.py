"""The candidate's tokenizer and chat templates, beside those of the champion and of the base.

Order: what the candidate brings is compared with what the champion uses (its own files, else its base's), or with the
candidate's base when there is no champion. What it does not bring it inherits from its base. A template that is the
same text is done; any other is read for what the reference's template cannot do, and both are rendered on the same
conversations.
"""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, NoParams, gate
from gatekeeper.core.update import Artifact
from gatekeeper.gates.artifact.probe_conversations import cases
from gatekeeper.gates.artifact.template_rendering import render
from gatekeeper.gates.artifact.tokenizer_changes import tokenizer_changes
from gatekeeper.intake.tokenizer_files import ChatTemplate, TokenizerFiles, read_tokenizer_files

GATE = "artifact/template"
_LONGEST_DIFF = 4000

_SEVERITY: Mapping[str, Severity] = MappingProxyType(
    {
        "changed": Severity.MEDIUM,
        "differs-from-base": Severity.INFO,
        "unparsable": Severity.HIGH,
        "conditional-on-content": Severity.CRITICAL,
        "transforms-content": Severity.HIGH,
        "reads-clock": Severity.HIGH,
        "injected-text": Severity.HIGH,
        "unusual-call": Severity.HIGH,
        "unusual-loop": Severity.MEDIUM,
        "include": Severity.HIGH,
        "sandbox-escape": Severity.CRITICAL,
        "renders-differently": Severity.MEDIUM,
        "does-not-render": Severity.HIGH,
        "tokenizer-changed": Severity.HIGH,
        "tokenizer-setting": Severity.INFO,
    }
)
_COUNTED: Mapping[str, str] = MappingProxyType(
    {
        "changed_templates": "changed",
        "templates_unlike_base": "differs-from-base",
        "unparsable_files": "unparsable",
        "content_conditionals": "conditional-on-content",
        "content_transforms": "transforms-content",
        "clock_reads": "reads-clock",
        "injected_texts": "injected-text",
        "unusual_calls": "unusual-call",
        "unusual_loops": "unusual-loop",
        "includes": "include",
        "sandbox_escapes": "sandbox-escape",
        "tokenizer_changes": "tokenizer-changed",
        "tokenizer_settings": "tokenizer-setting",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """One changed template beside its reference."""

    findings: tuple[Finding, ...]
    differing: int
    """Probes that render to another text."""
    failed: int
    """Probes that only the reference renders."""
    probes: int


@gate(
    GATE,
    asks="Does the tokenizer or chat template differ from the base in a way that changes behaviour?",
    params=NoParams,
)
def artifact_template(context: GateContext, params: NoParams) -> GateReport:
    """Report every difference in how text becomes tokens, and what a changed template could be waiting for."""
    del params
    candidate = context.update.candidate
    own = read_tokenizer_files(candidate.path)
    base = read_tokenizer_files(candidate.base) if candidate.base is not None else None
    references = _in_use(context.champion) if context.champion is not None else [base] if base is not None else []
    expected = _by_name(references)
    of_base = _by_name([base]) if base is not None else expected
    effective = _effective(own, base)
    findings = [_finding("unparsable", place, f"It cannot be read: {why}.") for place, why in own.unreadable]
    compared = []
    for template in effective:
        texts = expected.get(template.name, ())
        if template.text not in texts:
            compared.append(_compare(template, texts[0] if texts else "", _tokens(own, references)))
        elif template.text not in of_base.get(template.name, ()):
            why = "The template is the champion's, and not the base's."
            findings.append(_finding("differs-from-base", _subject(template), why))
    gone = sorted(expected.keys() - {template.name for template in effective})
    findings += [_finding("changed", name, "The template in use under this name is gone.") for name in gone]
    findings += _tokenizer_findings(own, base, references)
    findings += [found for one in compared for found in one.findings]
    return artifact_template.measured(
        metrics=_metrics(findings, compared, templates=len(effective)), findings=tuple(findings)
    )


def _effective(own: TokenizerFiles, base: TokenizerFiles | None) -> tuple[ChatTemplate, ...]:
    """Return the templates the candidate will be used with: every one it brings, and its base's other names."""
    names = {template.name for template in own.templates}
    inherited = () if base is None else tuple(one for one in base.templates if one.name not in names)
    return (*own.templates, *inherited)


def _in_use(champion: Artifact) -> list[TokenizerFiles]:
    """Return the files a champion is used with: its own where it has them, its base's after them."""
    folders = [champion.path] if champion.base is None else [champion.path, champion.base]
    return [read_tokenizer_files(folder) for folder in folders]


def _by_name(references: list[TokenizerFiles]) -> dict[str, tuple[str, ...]]:
    """Return the texts in use under each template name: those of the first folder that has the name."""
    found: dict[str, tuple[str, ...]] = {}
    for files in references:
        names = dict.fromkeys(template.name for template in files.templates)
        for name in names:
            found.setdefault(name, tuple(one.text for one in files.templates if one.name == name))
    return found


def _compare(template: ChatTemplate, reference: str, tokens: Mapping[str, str]) -> _Compared:
    from gatekeeper.gates.artifact.template_reading import TemplateUnparsable, new_facts, read_template

    subject = _subject(template)
    findings = [
        _finding("changed", subject, "The template is not the one in use.\n" + _diff(reference, template.text))
    ]
    try:
        facts = read_template(template.text)
    except TemplateUnparsable as error:
        findings.append(_finding("unparsable", subject, f"The template is no Jinja: {str(error)[:300]}."))
        return _Compared(findings=tuple(findings), differing=0, failed=0, probes=0)
    try:
        known = read_template(reference)
    except TemplateUnparsable:
        known = ()
    findings += [
        _finding(fact.kind.value, subject, f"Line {fact.line} {_WHAT[fact.kind.value]}: {fact.what[:500]}")
        for fact in new_facts(facts, known)
    ]
    probes = tuple(cases(tokens))
    pairs = list(zip(render(template.text, probes), render(reference, probes), strict=True))
    silent = all(ours[0] is None for ours, _ in pairs)  # then the reference's failures excuse nothing
    failed = [ours[1] for ours, theirs in pairs if ours[0] is None and (silent or theirs[0] is not None)]
    differing = sum(1 for ours, theirs in pairs if None not in {ours[0], theirs[0]} and ours[0] != theirs[0])
    differing += sum(1 for ours, theirs in pairs if ours[0] is not None and theirs[0] is None)
    if failed:
        why = f"It fails on {len(failed)} of {len(pairs)} probe conversations: {failed[0]}."
        findings.append(_finding("does-not-render", subject, why))
    if differing:
        why = f"It renders {differing} of {len(pairs)} probe conversations to another prompt."
        findings.append(_finding("renders-differently", subject, why))
    return _Compared(findings=tuple(findings), differing=differing, failed=len(failed), probes=len(pairs))


def _tokenizer_findings(
    own: TokenizerFiles, base: TokenizerFiles | None, references: list[TokenizerFiles]
) -> Iterator[Finding]:
    """Yield how the tokenizer in use would change, counting what the candidate leaves to its base."""
    brings = own.tokenizer is not None or own.config is not None or own.vocabularies or own.special_tokens is not None
    ours = own if brings or base is None else base
    theirs = next((files for files in references if files.tokenizer is not None or files.vocabularies), None)
    if theirs is None:
        if brings:
            yield _finding(
                "tokenizer-changed", ".", "The candidate brings a tokenizer and there is none to compare with."
            )
        return
    for change in tokenizer_changes(ours, theirs):
        code = f"{GATE}/tokenizer-setting" if change.setting else f"{GATE}/tokenizer-changed"
        yield Finding(code=code, severity=change.severity, confidence=1.0, subject=change.file, message=change.message)


def _metrics(findings: list[Finding], compared: list[_Compared], *, templates: int) -> tuple[Metric, ...]:
    counts = Counter(finding.code.rpartition("/")[2] for finding in findings)
    probes = sum(one.probes for one in compared)
    return (
        Metric(name="templates", value=templates, unit="templates", n=templates),
        *(Metric(name=name, value=counts[fact], unit="findings", n=templates) for name, fact in _COUNTED.items()),
        Metric(name="differing_renders", value=sum(one.differing for one in compared), unit="probes", n=probes),
        Metric(name="failed_renders", value=sum(one.failed for one in compared), unit="probes", n=probes),
    )


def _tokens(own: TokenizerFiles, references: list[TokenizerFiles]) -> dict[str, str]:
    """Return the marker tokens both templates are rendered with, so that only the templates differ."""
    for files in (*references, own):
        if files.config is not None:
            found = {key: files.config.get(key) for key in ("bos_token", "eos_token", "pad_token", "unk_token")}
            return {key: value for key, value in found.items() if isinstance(value, str)}
    return {}


def _diff(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "in use", "candidate", lineterm="", n=1)
    text = "\n".join(lines)
    return text if len(text) <= _LONGEST_DIFF else text[:_LONGEST_DIFF] + "\n… (cut)"


def _subject(template: ChatTemplate) -> str:
    return template.place if template.name == "default" else f"{template.place}#{template.name}"


def _finding(fact: str, subject: str, message: str) -> Finding:
    return Finding(code=f"{GATE}/{fact}", severity=_SEVERITY[fact], confidence=1.0, subject=subject, message=message)


_WHAT: Mapping[str, str] = MappingProxyType(
    {
        "conditional-on-content": "decides by what a message says",
        "transforms-content": "changes what a message says",
        "reads-clock": "reads the date",
        "injected-text": "brings words of its own",
        "unusual-call": "uses something no chat template needs",
        "unusual-loop": "loops over something else than the conversation",
        "include": "reads another template",
        "sandbox-escape": "reaches for Python's internals",
    }
)
