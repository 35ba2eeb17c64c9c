"""What tests of the reconciler ask the ledger, and what they do to stored files."""

import json
import os

from gatekeeper.store import entries

MODEL = "tiny"


def leaves(workspace, type):
    """Return the ledger's entries of one type, read."""
    with workspace.store.reading() as session:
        return [json.loads(entry.leaf) for entry in entries.of_type(session, type)]


def kinds(drifts):
    """Return what kinds of drift these are."""
    return [each.drift.kind for each in drifts]


def stored(registry, version, name="adapter_model.safetensors"):
    """Return where the registry in memory keeps a file of a version."""
    return registry.root / f"fake-run-{MODEL}-{version}" / "model" / name


def flip(path):
    """Change one byte and nothing else."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def forge(path):
    """Change one byte, and give the file back its time: name, size and time of the last write stay."""
    told = path.stat()
    flip(path)
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (told.st_size, told.st_mtime_ns)
