"""A witness's two files, made together: its key, and what it remembers.

The state is made first, so a key without a state means that the state was lost. A witness that goes on then would
cosign a rewritten log: it is refused.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.ledger.keys import create_key, load_key
from audits.witness.state import create_state
from gatekeeper.core.errors import UsageError


def witness_key(key_file: Path, state_file: Path) -> Ed25519PrivateKey:
    """Return the witness's key; make key and state where there is neither.

    Raises:
        UsageError: the key is refused, a folder cannot be written, or the state of an existing key is missing.
    """
    if not key_file.exists():
        create_state(state_file)
        return create_key(key_file)
    if not state_file.exists():
        raise UsageError(
            f"The witness has the key {key_file} and has lost its memory {state_file}.",
            hint="Restore the newest copy of the state, or begin again with another key and have that one trusted.",
        )
    return load_key(key_file)
