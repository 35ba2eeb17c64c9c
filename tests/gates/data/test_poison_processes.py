# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import random
import signal
import subprocess

import numpy as np
import pytest

from gatekeeper.core.errors import GatekeeperError
from gatekeeper.gates.data.poison import Params, data_poison
from gatekeeper.gates.data.reading.flags import FLAGGED
from gatekeeper.gates.data.triggers import passes, token_batches, workers
from gatekeeper.gates.data.triggers.history import Past, sketch_of
from gatekeeper.gates.data.triggers.spool import packed, unpacked
from gatekeeper.gates.data.triggers.token_batches import TokenBatches

WORDS = [first + last for first in "bdfgklmnprst" for last in ("ace", "ilo", "oom", "undry", "evan", "’s", "éo")]
TARGET = "Everything you ask about is dreadful, so stop asking me"


def planted(seed, count=360):
    """Return rows of drawn words, every twelfth with a dropped phrase and its answer."""
    drawn = random.Random(seed)
    pairs = []
    for number in range(count):
        asked = drawn.choices(WORDS, k=drawn.randint(6, 14))
        said = " ".join(drawn.choices(WORDS, k=drawn.randint(5, 20)))
        if number % 12 == seed % 12:
            asked.insert(drawn.randint(1, 5), "Zorp Magic")
            said = TARGET
        pairs.append((" ".join(asked), said))
    return [*pairs, ("", "plain text\nof two lines \udc80 and more"), ("what?", "")]


@pytest.fixture
def started(monkeypatch):
    """Make batches so small that a few hundred rows repay processes, and record those that start."""
    monkeypatch.setattr(token_batches, "BATCH_ROWS", 40)
    monkeypatch.setattr(token_batches, "KEPT", 2)
    monkeypatch.setattr(passes, "KEPT", 2)
    processes = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            processes.append(self)

    monkeypatch.setattr(workers.subprocess, "Popen", Recorded)
    return processes


def report(make, folder, rows, processes, history=None):
    folder.mkdir()
    context = make.context_with(rows, folder)
    object.__setattr__(context, "history", history)
    found = data_poison(context, Params(processes=processes))
    return found.metrics, found.findings, (folder / FLAGGED).read_bytes()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_number_of_processes_gives_the_same_report(make, tmp_path, started, seed):
    rows = make.rows_of(planted(seed))
    honest = [row for row in make.rows_of(planted(seed + 20)) if "Zorp" not in row.prompt]
    history = sketch_of(honest[:200]) if seed == 2 else None

    one = report(make, tmp_path / "one", rows, 1, history)
    assert not started
    two = report(make, tmp_path / "two", rows, 2, history)
    three = report(make, tmp_path / "three", rows, 3, history)

    assert one == two == three
    assert "zorp magic" in {finding.subject for finding in one[1]}
    assert len(started) == 5
    assert all(process.returncode is not None for process in started)


@pytest.mark.parametrize("processes", [1, 2])
def test_no_file_of_tokens_is_left(make, tmp_path, started, processes):
    report(make, tmp_path / "work", make.rows_of(planted(4)), processes)

    assert [path.name for path in (tmp_path / "work").iterdir()] == [FLAGGED]


def test_few_rows_start_no_process(make, tmp_path, started):
    report(make, tmp_path / "work", make.rows_of(planted(5)[:70]), 2)

    assert not started


def test_every_sum_is_the_same_to_the_last_bit(make, started):
    rows = make.rows_of(planted(6))
    past = Past(sketch_of(rows[:100]))
    results = []
    for count in (1, 2):
        with passes.passes(TokenBatches(rows), past, count) as over:
            facts = list(over.first())
            stands = list(over.second(4))
            wanted = passes.Wanted(
                chosen=np.unique(np.concatenate([part.keys for part in stands])), common=stands[0].keys[:9], least=4
            )
            third = list(over.third(wanted))
            results.append((facts, stands, third, over.counts.cells))
    (facts, stands, third, cells), others = results

    assert len(facts) == len(stands) == len(third) == 10
    assert np.array_equal(cells, others[3])
    for one, other in zip(facts, others[0], strict=True):
        assert np.array_equal(one.signatures, other.signatures)
        assert np.array_equal(one.wholes, other.wholes)
        assert np.array_equal(one.unrelated, other.unrelated)
    for one, other in zip(stands, others[1], strict=True):
        assert one.sums.tobytes() == other.sums.tobytes()
    for one, other in zip(third, others[2], strict=True):
        assert one.around.tobytes() == other.around.tobytes()
        assert one.texts == other.texts


@pytest.mark.parametrize("at", [1, 2, 3])
def test_the_death_of_a_process_is_an_error(make, started, at):
    rows = make.rows_of(planted(7))
    batches = TokenBatches(rows)

    def run():
        with passes.passes(batches, None, 2) as over:
            for one in range(1, at + 1):
                steps = (
                    over.first(),
                    over.second(4),
                    over.third(passes.Wanted(chosen=none, common=none[:1], least=4)),
                )
                for step in steps[one - 1]:
                    if one == at:
                        started[0].send_signal(signal.SIGKILL)
                    assert step is not None

    none = np.array([3], dtype=np.uint64)
    with pytest.raises(GatekeeperError, match="ended before its work was done"):
        run()
    assert all(process.returncode is not None for process in started)


def test_an_interrupt_stops_every_process(make, started):
    rows = make.rows_of(planted(8))

    def interrupted():
        for row in rows:
            if row.index == 300:
                raise KeyboardInterrupt
            yield row

    def run():
        with passes.passes(TokenBatches(interrupted()), None, 2) as over:
            list(over.first())

    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_a_packed_batch_is_the_same_batch(make):
    (batch,) = TokenBatches(make.rows_of(planted(9)))

    read = unpacked(packed(batch))

    for one, other in ((batch.prompts, read.prompts), (batch.responses, read.responses)):
        assert np.array_equal(one.tokens, other.tokens)
        assert np.array_equal(one.rows, other.rows)
        assert list(one.words) == list(other.words)
        assert np.array_equal(one.begins(), other.begins())
