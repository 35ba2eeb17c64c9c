"""Which findings a reader sees whole.

A finding about files or tensors names those. Every other finding may name a row, a person, or words from the training
data, so only those who may see flagged rows see its subject and its message; others see what was found, how bad it is
if true, and how sure the gate is. Families that nobody thought of yet are masked.
"""

from typing import Final

from gatekeeper.core.findings import Finding
from gatekeeper.core.gate import Family

_SHOWN: Final = frozenset({Family.ARTIFACT.value, Family.WEIGHTS.value})


def is_plain(gate: str) -> bool:
    """Return whether a gate's findings hold nothing from training data."""
    return gate.partition("/")[0] in _SHOWN


def masked(finding: Finding) -> Finding:
    """Return the finding without its subject and its message."""
    return Finding(code=finding.code, severity=finding.severity, confidence=finding.confidence, subject="", message="")
