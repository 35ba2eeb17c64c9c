"""How a gate measures, as one digest."""

from typing import Any

from gatekeeper.core.digests import Digest, digest_of, plain
from gatekeeper.core.gate import Gate


def method_of(gate: Gate[Any], params: object) -> Digest:
    """Return the digest of a gate's version and parameters: what was released from it was found in this way."""
    return digest_of({"gate": gate.id, "version": gate.version, "params": plain(params)})
