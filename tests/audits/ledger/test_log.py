"""One transaction for state and entry, and numbers without gaps whoever appends."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from audits.ledger.check import verify_entries
from audits.ledger.events import Event
from audits.ledger.log import append
from audits.ledger.merkle import leaf_hash
from gatekeeper.core.states import State
from gatekeeper.core.update import Artifact, Manifest, Update, UpdateKind
from gatekeeper.store import entries, updates

WITHDRAWN = {"update_digest": "sha256:" + "1" * 64, "state": "SUBMITTED"}
SUBMITTED = {"model": "helper", "update_digest": "sha256:" + "1" * 64, "kind": "full", "data_digest": None}


def submit(session) -> None:
    artifact = Artifact(path=Path("/a"), base=None, kind=UpdateKind.FULL_WEIGHTS, manifest=Manifest(entries=()))
    update = Update(id="upd-1", name="a try", model="helper", candidate=artifact, data=None)
    updates.add(session, update, submitter="person:" + "a" * 64)
    append(session, type=Event.UPDATE_SUBMITTED, actor="service:cli", subject="upd-1", data=SUBMITTED)


def test_an_entry_has_the_next_number_and_its_own_hash(store, fill):
    fill(2)

    with store.transaction() as session:
        entry = append(session, type=Event.UPDATE_SUBMITTED, actor="service:cli", subject="upd-1", data=SUBMITTED)

    assert entry.seq == 2
    assert entry.leaf_hash == leaf_hash(entry.leaf)
    with store.reading() as session:
        kept = entries.find(session, 2)
        assert kept is not None
        assert (kept.leaf, kept.leaf_hash) == (entry.leaf, entry.leaf_hash)
        assert [row.seq for row in entries.of_subject(session, "upd-1")] == [1, 2]


def test_several_entries_of_one_transaction_follow_each_other(store):
    with store.transaction() as session:
        for number in range(3):
            entry = append(
                session, type=Event.UPDATE_WITHDRAWN, actor="service:cli", subject=f"upd-{number}", data=WITHDRAWN
            )

            assert entry.seq == number


def test_an_entry_is_gone_when_the_state_change_fails(store):
    def submit_and_fail() -> None:
        with store.transaction() as session:
            submit(session)
            raise ValueError("at the last moment")

    with pytest.raises(ValueError, match="at the last moment"):
        submit_and_fail()

    with store.reading() as session:
        assert updates.find(session, "upd-1") is None
        assert verify_entries(session).size == 0


def test_a_state_change_is_gone_when_its_entry_is_refused(store):
    with store.transaction() as session:
        submit(session)

    def withdraw_in_annas_name() -> None:
        with store.transaction() as session:
            updates.move(session, "upd-1", State.WITHDRAWN)
            append(session, type=Event.UPDATE_WITHDRAWN, actor="Anna", subject="upd-1", data=WITHDRAWN)

    with pytest.raises(RuntimeError, match="actor"):
        withdraw_in_annas_name()

    with store.reading() as session:
        assert updates.require(session, "upd-1").state is State.SUBMITTED
        assert verify_entries(session).size == 1


def test_a_process_killed_in_the_middle_leaves_neither(store):
    with store.transaction() as session:
        submit(session)
    script = (
        "import os, signal, sys\n"
        "from audits.ledger.events import Event\n"
        "from audits.ledger.log import append\n"
        "from gatekeeper.core.states import State\n"
        "from gatekeeper.store import updates\n"
        "from gatekeeper.store.database import open_store\n"
        "with open_store(sys.argv[1]).transaction() as session:\n"
        "    updates.move(session, 'upd-1', State.WITHDRAWN)\n"
        "    append(session, type=Event.UPDATE_WITHDRAWN, actor='service:cli', subject='upd-1',\n"
        "           data={'update_digest': None, 'state': 'SUBMITTED'})\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    killed = subprocess.run([sys.executable, "-c", script, str(store.engine.url)], check=False, timeout=60)

    assert killed.returncode == -9
    with store.reading() as session:
        assert updates.require(session, "upd-1").state is State.SUBMITTED
        checked = verify_entries(session)
        assert checked.size == 1
        assert checked.intact


def test_threads_that_append_at_once_leave_no_gap(store, fill):
    threads = [threading.Thread(target=fill, args=(10,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.reading() as session:
        checked = verify_entries(session)
        assert checked.size == 40
        assert checked.intact


def test_processes_that_append_at_once_leave_no_gap(store):
    script = (
        "import sys\n"
        "from audits.ledger.events import Event\n"
        "from audits.ledger.log import append\n"
        "from gatekeeper.store.database import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "for number in range(20):\n"
        "    with store.transaction() as session:\n"
        "        append(session, type=Event.UPDATE_WITHDRAWN, actor='service:cli', subject='upd-1',\n"
        "               data={'update_digest': None, 'state': 'SUBMITTED'})\n"
    )

    started = [subprocess.Popen([sys.executable, "-c", script, str(store.engine.url)]) for _ in range(3)]
    ended = [process.wait(timeout=60) for process in started]

    assert ended == [0, 0, 0]
    with store.reading() as session:
        checked = verify_entries(session)
        assert checked.size == 60
        assert checked.intact
