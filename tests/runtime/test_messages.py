"""What worker and gate process say to each other comes back as it was, or is refused."""

from pathlib import Path

import pytest

from gatekeeper.core.errors import InputError
from gatekeeper.core.findings import Attachment, GateReport, Metric, Status
from gatekeeper.core.update import Artifact, Manifest, ManifestEntry, UpdateKind
from gatekeeper.pipeline.bench import Bench
from gatekeeper.pipeline.collect import GateRun
from gatekeeper.pipeline.quarantine.counted import CountedReleases
from gatekeeper.runtime.messages import Asked, read_asked, read_measured, write_asked, write_measured

ARTIFACT = Artifact(
    path=Path("/models/é b"),
    base=Path("/models/base"),
    kind=UpdateKind.LORA,
    manifest=Manifest(entries=(ManifestEntry(path="base", size=5, sha256="sha256:" + "b" * 64),)),
)


@pytest.mark.parametrize("champion", [None, ARTIFACT], ids=["certify", "check"])
def test_a_question_comes_back_as_it_was(champion):
    released = (CountedReleases(gate="data/pii", rows=(3, 5), ids=("rel-1",)),)
    bench = Bench(run_id="run-1", update_id="upd-1", champion=champion, anchor=None, released=released)
    asked = Asked(bench=bench, gate="data/pii", folder="/evidence/x")

    line = write_asked(asked)

    assert read_asked(line) == asked
    assert line.count(b"\n") == 1


def test_an_answer_comes_back_as_it_was():
    report = GateReport(
        gate="data/pii",
        version=2,
        status=Status.MEASURED,
        metrics=(Metric(name="share", value=0.1 + 0.2, unit="share", n=3),),
        attachments=(Attachment(name="rows.jsonl", sha256="sha256:" + "a" * 64, size=9),),
    )
    run = GateRun(report=report, seconds=0.125)

    read = read_measured(write_measured(run))

    assert read == run
    assert read.report.digest == report.digest


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]", b'{"report": {}, "seconds": 1}', b"\xff", b"null"])
def test_anything_else_is_refused(line):
    with pytest.raises(InputError):
        read_measured(line)
    with pytest.raises(InputError):
        read_asked(line)
