"""Fills a database with copies of what really happened in it, under ids of their own; and files of rows."""

import json
import random

from sqlalchemy import text

_COPIED = ("runs", "reports", "verdicts", "approvals", "promotions")
"""Tables that hold something about an update, after ``updates`` itself."""
_WORDS = [f"word{number:04d}" for number in range(2_000)]


def many_updates(workspace, size):
    """Copy the live update and all that belongs to it until there are so many; seven in ten were live once."""
    with workspace.store.transaction() as session:
        (live,) = session.execute(text("SELECT id FROM updates WHERE state = 'ACTIVE'")).scalars()
        (run,) = session.execute(text("SELECT id FROM runs WHERE update_id = :of"), {"of": live}).scalars()
        there = session.execute(text("SELECT count(*) FROM updates")).scalar_one()
        columns = {
            table: [row[1] for row in session.execute(text(f"PRAGMA table_info({table})"))]
            for table in ("updates", *_COPIED)
        }
        for number in range(there, size):
            once_live = number % 10 < 7
            fresh = {"update": f"upd-{number:016x}", "run": f"run-{number:016x}"}
            given = {
                "id": ":update",
                "state": "'SUPERSEDED'" if once_live else "'BLOCKED'",
                "manifest_digest": ":digest",
                "created": "datetime(created, :before)",
                "updated": "datetime(updated, :before)",
                "registered_version": f"'{1000 + number}'",
            }
            told = {**fresh, "digest": f"sha256:{number:064x}", "before": f"-{size - number} minutes", "of": live}
            session.execute(text(_copy("updates", columns["updates"], given, "id = :of")), told)
            for table in _COPIED if once_live else _COPIED[:3]:
                key = "id" if table == "runs" else "run_id" if table in {"reports", "verdicts"} else "update_id"
                told["of"] = live if table in {"approvals", "promotions"} else run
                given = {
                    "update_id": ":update",
                    "run_id": ":run",
                    "id": ":run" if table == "runs" else f"'{table[:3]}-{number:016x}'",
                    "started": "datetime(started, :before)",
                    "nonce": f"'{number:032x}'",
                    "version": f"'{1000 + number}'",
                    "intent_seq": "0",
                }
                session.execute(text(_copy(table, columns[table], given, f"{key} = :of")), told)


def _copy(table, columns, given, where):
    values = ", ".join(given.get(each, each) for each in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {where}"  # noqa: S608


def row_file(file, size):
    """Write so many rows of plain text, no two alike, about 200 characters each; return the file."""
    dice = random.Random(size)  # noqa: S311  # rows of a benchmark
    with file.open("w", encoding="utf-8") as stream:
        for number in range(size):
            asked, said = (" ".join(dice.choices(_WORDS, k=10)) for _ in range(2))
            row = {"id": f"row-{number}", "prompt": f"{asked}?", "response": f"{said}.", "source": f"s{number % 50}"}
            stream.write(json.dumps(row) + "\n")
    return file
