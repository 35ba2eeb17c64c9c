"""Data gates that are told what to flag, and a policy over them."""

import json

from gatekeeper.core.findings import Metric
from gatekeeper.core.gate import NoParams, gate
from policies.load import policy_from_text

_LIMITS = """
policy: scanning
version: 1
gates:
"""
_LIMIT = """
  - gate: {gate}
    unmeasured: {unmeasured}
    limits:
      - id: none-flagged
        admit: 'm["flagged"].value == 0.0'
        because: "{{m[flagged].value}} rows flagged."
"""


def flagging(name, chosen=lambda row: False, *, version=1, then=None, runs=None, unmeasured=False):
    """Return a gate that flags the rows ``chosen`` says, notes each run, and does ``then`` in the middle of one."""

    @gate(name, asks="Which rows?", params=NoParams, version=version)
    def made(context, params):
        if runs is not None:
            runs.append(name)
        lines = [
            {"row": row.index, "id": row.id, "test": "chosen", "reason": "it was chosen", "release": "Ask."}
            for row in context.rows
            if chosen(row)
        ]
        if then is not None:
            then(context)
        if unmeasured:
            return made.unmeasured("Too few rows.")
        (context.workdir / "flagged.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        seen = Metric(name="flagged", value=float(len(lines)), unit="rows", n=1)
        past = Metric(name="history", value=float(context.history.rows if context.history else 0), unit="rows", n=1)
        return made.measured(metrics=(seen, past), attachments=(context.attach("flagged.jsonl"),))

    return made


def scanning_policy(gates, *, unmeasured="block", extra=""):
    """Return a policy that names these gates, and the catalogue it was loaded with."""
    catalogue = {each.id: each for each in gates}
    text = _LIMITS + "".join(_LIMIT.format(gate=name, unmeasured=unmeasured) for name in catalogue) + extra
    return policy_from_text(text, catalogue), catalogue
