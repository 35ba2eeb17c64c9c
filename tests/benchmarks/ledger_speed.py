"""Durable appends on SQLite beside a bare insert with the same pragmas; and the check of a long ledger.

Run: python tests/benchmarks/ledger_speed.py [ENTRIES TO VERIFY]
"""

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, text

from audits.ledger.check import verify_entries
from audits.ledger.events import Event
from audits.ledger.leaf import write_leaf
from audits.ledger.log import append, keep_full_subtrees
from audits.ledger.merkle import leaf_hash
from gatekeeper.store.database import Store, create_store
from gatekeeper.store.tables import EntryRow

DATA = {"update_digest": "sha256:" + "1" * 64, "state": "SUBMITTED"}
ROUND = 200


def appends(store: Store) -> float:
    """Return appends per second, each in a transaction of its own."""
    began = time.perf_counter()
    for number in range(ROUND):
        with store.transaction() as session:
            append(session, type=Event.UPDATE_WITHDRAWN, actor="service:bench", subject=f"upd-{number}", data=DATA)
    return ROUND / (time.perf_counter() - began)


def inserts(store: Store) -> float:
    """Return bare inserts per second, with the same pragmas and one transaction each."""
    began = time.perf_counter()
    for _ in range(ROUND):
        with store.engine.begin() as connection:
            connection.execute(text("INSERT INTO bare (leaf) VALUES (:leaf)"), {"leaf": b"x" * 300})
    return ROUND / (time.perf_counter() - began)


def filled(store: Store, count: int) -> None:
    """Write so many entries, thousands at a time."""
    ts = datetime.now(UTC)
    with store.transaction() as session:
        for start in range(0, count, 10_000):
            rows = []
            for seq in range(start, min(start + 10_000, count)):
                leaf = write_leaf(
                    seq=seq, ts=ts, type=Event.UPDATE_WITHDRAWN, actor="service:bench", subject=f"upd-{seq}", data=DATA
                )
                rows.append(
                    {
                        "seq": seq,
                        "ts": ts,
                        "type": Event.UPDATE_WITHDRAWN.value,
                        "actor": "service:bench",
                        "subject": f"upd-{seq}",
                        "leaf": leaf,
                        "leaf_hash": leaf_hash(leaf),
                    }
                )
            session.execute(insert(EntryRow), rows)
        for size in range(256, count + 1, 256):
            keep_full_subtrees(session, size)
        session.execute(text("UPDATE ledger_head SET size = :count"), {"count": count})


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        store = create_store(f"sqlite:///{Path(folder) / 'append.db'}")
        with store.engine.begin() as connection:
            connection.execute(text("CREATE TABLE bare (id INTEGER PRIMARY KEY, leaf BLOB)"))
        pairs = [(appends(store), inserts(store)) for _ in range(5)]
        ours, bare = (statistics.median(each) for each in zip(*pairs, strict=True))
        print(f"durable appends: {ours:.0f}/s; bare inserts: {bare:.0f}/s; ratio of medians {ours / bare:.2f}")
        store.close()
        store = create_store(f"sqlite:///{Path(folder) / 'long.db'}")
        filled(store, count)
        began = time.perf_counter()
        with store.reading() as session:
            checked = verify_entries(session)
        seconds = time.perf_counter() - began
        print(f"verify: {checked.size} entries in {seconds:.1f} s, intact: {checked.intact}")
        store.close()


if __name__ == "__main__":
    main()
