"""Data gates on a real Ray cluster: a head and a node as processes of this machine."""

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
import pytest
from chunk_gates import CHUNK, GATES, SmallChunks, context, report, write_rows
from ray_cluster import ray_cluster

from gatekeeper.core.errors import InputError, UsageError
from gatekeeper.core.findings import Status
from gatekeeper.core.row_work import RowTask
from gatekeeper.core.verdict import Outcome
from gatekeeper.gates.data.content.chunk_content import CONTENT
from gatekeeper.gates.data.leakage import data_leakage
from gatekeeper.gates.data.spreading.chunk_work import result_of
from gatekeeper.gates.data.spreading.processes import LocalProcesses
from gatekeeper.gates.data.triggers import token_batches
from gatekeeper.intake.rows import open_rows, read_training_data
from gatekeeper.pipeline.collect import run_gate
from gatekeeper.runtime.ray.row_worker import worked
from gatekeeper.runtime.ray.rows import RayRows
from policies.policy import GateRule

ROWS = 300
SMALL = RowTask(function="gatekeeper.gates.data.shape.chunk_lines:make", settings={"texts": False}, rows=40)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    return {
        "asked": write_rows(folder / "asked.jsonl", ROWS),
        "preferred": write_rows(folder / "preferred.jsonl", ROWS, preferred=True),
    }


@contextmanager
def joined(**options):
    """Start a cluster that processes of this one may join."""
    with ray_cluster(**options) as started, pytest.MonkeyPatch.context() as patch:
        for name, value in started.environment.items():
            if name.startswith("RAY_"):
                patch.setenv(name, value)
        yield started


@pytest.fixture(scope="module")
def cluster():
    with joined(nodes=2) as started:
        yield started


@pytest.fixture(scope="module")
def rows_on(cluster):
    working = RayRows(cluster.address, wait_seconds=120)
    yield working
    working.close()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(token_batches, "BATCH_ROWS", CHUNK)


@pytest.mark.parametrize("name", ["pii", "poison", "sources", "preference"])
def test_a_cluster_says_what_one_process_says(name, files, tmp_path, rows_on):
    path = files[GATES[name][2]]
    one = report(name, path, tmp_path / "one", SmallChunks(LocalProcesses(1)))

    there = report(name, path, tmp_path / "there", SmallChunks(rows_on))

    assert there == one


def test_a_row_that_cannot_be_read_is_the_same_error_on_a_cluster(files, tmp_path, rows_on):
    bad = tmp_path / "bad.jsonl"
    lines = files["asked"].read_text(encoding="utf-8").splitlines(keepends=True)
    bad.write_text("".join([*lines[:200], "{no json\n", *lines[200:]]), encoding="utf-8")
    with pytest.raises(InputError) as here:
        list(LocalProcesses(1).map(open_rows(bad), SMALL, tmp_path))

    with pytest.raises(InputError) as there:
        list(rows_on.map(open_rows(bad), SMALL, tmp_path))

    assert str(there.value) == str(here.value)


def test_work_that_fails_there_is_an_error_here(files, tmp_path, rows_on):
    with pytest.raises(RuntimeError, match="KeyError"):
        list(rows_on.map(open_rows(files["asked"]), replace(SMALL, settings={}), tmp_path))


def test_a_scan_on_a_cluster_writes_the_same_bytes(files, tmp_path, cluster):
    def scanned(out, *more):
        command = [
            sys.executable,
            "-m",
            "gatekeeper",
            "scan",
            "data",
            str(files["asked"]),
            "--out",
            str(tmp_path / out),
        ]
        gates = ["--gate", "data/leakage", "--gate", "data/schema"]
        done = subprocess.run(
            [*command, *gates, "--json", *more], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode in (0, 10, 20), done.stderr
        assert json.loads(done.stdout)["errored"] is False
        out = tmp_path / out
        return {
            str(one.relative_to(out)): one.read_bytes()
            for one in sorted(out.rglob("*"))
            if one.is_file() and ".scan" not in one.parts
        }

    here = scanned("here")

    assert scanned("there", "--ray", cluster.address, "--ray-workers", "2") == here


def test_a_node_that_dies_during_a_scan_changes_nothing(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", 1500)
    task = replace(CONTENT, rows=10)
    expected = list(LocalProcesses(1).map(open_rows(path), task, tmp_path))

    with joined(nodes=2) as cluster:
        working = RayRows(cluster.address, wait_seconds=120)
        try:
            found = working.map(open_rows(path), task, tmp_path)
            said = [next(found) for _ in range(3)]
            cluster.nodes[1].kill()
            said += found
        finally:
            working.close()

    assert said == expected


def test_a_cluster_that_died_is_an_error_and_never_a_pass(files, tmp_path):
    with joined(nodes=1) as cluster:
        working = RayRows(cluster.address, wait_seconds=4)
        cluster.nodes[0].kill()
        try:
            data = read_training_data(files["asked"])
            rule = GateRule(
                gate=data_leakage.id,
                asks=data_leakage.asks,
                params=data_leakage.params(),
                unmeasured=Outcome.BLOCK,
                limits=(),
            )
            run = run_gate(data_leakage, rule, lambda folder: context(data, folder, working), tmp_path)
        finally:
            working.close()

    assert run.report.status is Status.ERRORED
    assert "was lost 3 times" in run.report.note


def test_another_version_on_a_node_is_an_error():
    block = pa.table({"number": [4], "place": ["{}"]})

    found = worked(block, task="{}", shared=[], code="another")

    with pytest.raises(InputError, match="another version"):
        result_of(found.column("said").to_pylist()[0])


@pytest.mark.parametrize("address", ["ray://head:10001", "", "head", "head:1:2", "head:10001; rm", "--address"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError):
        RayRows(address)
