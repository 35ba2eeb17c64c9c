"""Fills a database with copies of what really happened in it, under ids of their own; and files of rows."""

import json
import random

from sqlalchemy import text

_COPIED = {
    "runs": "update_id",
    "reports": "run_id",
    "verdicts": "run_id",
    "approvals": "update_id",
    "promotions": "update_id",
}
"""Tables that hold something about an update, after ``updates`` itself, by what finds it."""
_OF_THE_LIVE = {"approvals", "promotions"}
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
        numbers = range(there, size)
        for table, key in (("updates", "id"), *_COPIED.items()):
            told = [
                {
                    "update": f"upd-{number:016x}",
                    "run": f"run-{number:016x}",
                    "row": f"{table[:3]}-{number:016x}",
                    "digest": f"sha256:{number:064x}",
                    "state": "SUPERSEDED" if _was_live(number) else "BLOCKED",
                    "version": str(1000 + number),
                    "nonce": f"{number:032x}",
                    "before": f"-{size - number} minutes",
                    "of": run if key == "run_id" else live,
                }
                for number in numbers
                if _was_live(number) or table not in _OF_THE_LIVE
            ]
            if told:
                session.execute(text(_copy(table, columns[table], key)), told)


def _was_live(number):
    return number % 10 < 7


def _copy(table, columns, key):
    given = {
        "id": {"updates": ":update", "runs": ":run"}.get(table, ":row"),
        "update_id": ":update",
        "run_id": ":run",
        "manifest_digest": ":digest",
        "registered_version": ":version",
        "version": ":version",
        "nonce": ":nonce",
        "intent_seq": "0",
        "created": "datetime(created, :before)",
        "updated": "datetime(updated, :before)",
        "started": "datetime(started, :before)",
    }
    if table == "updates":
        given["state"] = ":state"
    values = ", ".join(given.get(each, each) for each in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {key} = :of"  # noqa: S608


def row_file(file, size):
    """Write so many rows of plain text, no two alike, about 200 characters each; return the file."""
    dice = random.Random(size)  # noqa: S311  # rows of a benchmark
    with file.open("w", encoding="utf-8") as stream:
        for number in range(size):
            asked, said = (" ".join(dice.choices(_WORDS, k=10)) for _ in range(2))
            row = {"id": f"row-{number}", "prompt": f"{asked}?", "response": f"{said}.", "source": f"s{number % 50}"}
            stream.write(json.dumps(row) + "\n")
    return file
