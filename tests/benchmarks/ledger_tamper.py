"""Change every byte of the export of a 1,000-entry ledger in turn; then delete, double, swap and cut entries.

Run: python tests/benchmarks/ledger_tamper.py [ENTRIES]
"""

import sys
import tempfile
import time
from multiprocessing import Pool
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.ledger.events import Event
from audits.ledger.export import export_text, verify_export
from audits.ledger.log import append
from audits.ledger.note import verifier_key
from audits.ledger.signing import sign_checkpoint
from gatekeeper.core.errors import VerificationError
from gatekeeper.store.database import create_store

ORIGIN = "gatekeeper.local/benchmark"
LOG = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
TRUST = {"origin": ORIGIN, "log_keys": [str(verifier_key(ORIGIN, LOG))], "witnesses": [], "quorum": 0}


def exported(count: int) -> bytes:
    """Return the export of a ledger with so many entries."""
    with tempfile.TemporaryDirectory() as folder:
        store = create_store(f"sqlite:///{Path(folder) / 'ledger.db'}")
        with store.transaction() as session:
            for number in range(count):
                data = {"update_digest": "sha256:" + "1" * 64, "state": "SUBMITTED"}
                append(session, type=Event.UPDATE_WITHDRAWN, actor="service:bench", subject=f"upd-{number}", data=data)
        with store.transaction() as session:
            row = sign_checkpoint(session, origin=ORIGIN, key=LOG)
            text = export_text(session, size=row.size, note=row.note)
        store.close()
    return text.encode()


def found(raw: bytes) -> bool:
    """Return whether a reader with the trust file notices that something is wrong."""
    try:
        verify_export(raw.decode(), **TRUST)
    except (VerificationError, UnicodeDecodeError):
        return True
    return False


def missed(job: tuple[bytes, range]) -> int:
    """Return how many of these places can be changed without being found."""
    raw, places = job
    left = 0
    for place in places:
        changed = bytearray(raw)
        changed[place] ^= 1 << (place % 7)
        left += not found(bytes(changed))
    return left


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    raw = exported(count)
    began = time.perf_counter()
    step = 2000
    jobs = [(raw, range(start, min(start + step, len(raw)))) for start in range(0, len(raw), step)]
    with Pool(2) as pool:
        left = sum(pool.imap_unordered(missed, jobs))
    print(f"{count} entries, {len(raw)} bytes: {len(raw) - left} of {len(raw)} changed bytes found")
    print(f"took {time.perf_counter() - began:.0f} s")
    head, _, tail = raw.decode().rpartition("\n\n")
    lines = tail.splitlines(keepends=True)
    whole = [lines[:place] + lines[place + 1 :] for place in range(count)]
    whole += [[*lines[:place], lines[place], *lines[place:]] for place in range(count)]
    whole += [[*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]] for place in range(count - 1)]
    whole += [lines[:place] for place in range(count)]
    with Pool(2) as pool:
        seen = pool.map(found, [f"{head}\n\n{''.join(each)}".encode() for each in whole], chunksize=50)
    print(f"{sum(seen)} of {len(seen)} deletions, doublings, swaps and cuts found")


if __name__ == "__main__":
    main()
