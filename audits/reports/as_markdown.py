"""A summary for the page of a CI run: one table, then the reasons and the worst findings of each update.

Text from an update stands in code spans or with every special character escaped, so that it can start no link, image,
mention or HTML of its own.
"""

import re

from audits.reports.figures import scale, write
from audits.reports.model import LimitView, RunView, UpdateView
from audits.reports.visible import one_line
from gatekeeper.core.verdict import Outcome

_SIGNS = {"ADMIT": "✅", "REVIEW": "⚠️", "BLOCK": "⛔", "ERROR": "❗"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>=:@])")
_MOST_FINDINGS = 12
_LONGEST = 300


def render_markdown(view: RunView) -> str:
    """Return the run as GitHub-flavoured Markdown."""
    counts = " · ".join(f"{_SIGNS[word]} {count} {word}" for word, count in view.counts().items() if count)
    facts = f"Model {_code(view.model)}, champion version {_code(view.champion_version or 'none')}"
    parts = [
        f"# {_text(view.title)}",
        f"{facts}, policy {_code(view.policy)}. {counts or 'No update.'}",
        _summary(view),
        *(_update(update) for update in view.updates),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(view: RunView) -> str:
    rows = ["| Update | Verdict | Why | State | Time |", "|---|---|---|---|---:|"]
    for update in view.updates:
        reasons = update.main_reasons
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        why = _text(reasons[0].text) + more if reasons else "Every limit is met."
        rows.append(
            f"| {_code(update.name)} | {_SIGNS[update.outcome_word]} **{update.outcome_word}** | {why} "
            f"| {update.state.value} | {update.seconds:.0f} s |"
        )
    return "\n".join(rows)


def _update(update: UpdateView) -> str:
    parts = [f"## {_SIGNS[update.outcome_word]} {_text(update.name)}: {update.outcome_word}"]
    votes = [
        f"- {_SIGNS[update.word(reason)]} {_code(reason.code)} {_text(reason.text)}"
        for reason in update.verdict.reasons
        if reason.outcome is not Outcome.ADMIT
    ]
    parts.append("\n".join(votes) or "Every limit is met.")
    if update.verdict.not_run:
        left_out = ", ".join(_code(gate) for gate in update.verdict.not_run)
        parts.append(f"Not run, because the update was already blocked: {left_out}.")
    parts += [_numbers(update), _found(update)]
    parts.append(
        f"Update {_code(update.digest)}, policy {_code(update.verdict.policy_digest)}, "
        f"evidence {_code(update.verdict.evidence_digest)}."
    )
    return "\n\n".join(part for part in parts if part)


def _numbers(update: UpdateView) -> str:
    limits = [limit for limit in update.limits if limit.metric and limit.low is not None]
    if not limits:
        return ""
    rows = ["| Number | Estimate | Bounds | Limit | Vote |", "|---|---:|---:|---:|---|"]
    return "\n".join([*rows, *(_number(limit) for limit in limits)])


def _number(limit: LimitView) -> str:
    value, low, high, margin = (
        write(number, metric=limit.metric, unit=limit.unit)
        for number in (limit.value, limit.low, limit.high, limit.margin)
    )
    word = "ERROR" if limit.errored else limit.outcome.name
    unit = _text(scale(limit.metric, limit.unit)[1])
    return f"| {_code(limit.metric)} | {value} {unit} | {low} to {high} | {margin} | {_SIGNS[word]} {word} |"


def _found(update: UpdateView) -> str:
    found = update.findings
    if not found:
        return ""
    rows = ["| Severity | Finding | Where | What |", "|---|---|---|---|"]
    rows += [
        f"| {finding.severity.name} | {_code(finding.code)} | {_code(finding.subject)} | {_code(finding.message)} |"
        for finding in found[:_MOST_FINDINGS]
    ]
    rest = len(found) - _MOST_FINDINGS
    table = "\n".join(rows)
    return f"{table}\n\n{rest} more findings are in the JSON and HTML reports." if rest > 0 else table


def _text(text: str) -> str:
    shown = one_line(text, longest=_LONGEST).replace("&", "&amp;").replace("<", "&lt;")
    return _SPECIAL.sub(r"\\\1", shown)


def _code(text: str) -> str:
    """Return ``text`` as a code span: fenced by more backticks than it holds, with table bars escaped."""
    shown = one_line(text, longest=_LONGEST) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    blank = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{blank}{shown}{blank}{fence}".replace("|", "\\|")
