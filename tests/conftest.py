"""Fixtures of the whole test tree: no network beyond this machine, no telemetry, one tiny world per session."""

import os

os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    TRANSFORMERS_VERBOSITY="error",
    TOKENIZERS_PARALLELISM="false",
    MLFLOW_DISABLE_TELEMETRY="true",
    DO_NOT_TRACK="true",
    GX_ANALYTICS_ENABLED="false",
    OMP_NUM_THREADS="1",  # the workers share the cores
)

import fcntl
import hashlib
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent / "fakes"))

# An example may take as long as the machine makes it: tests assert no times.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _only_this_machine(socket_enabled):
    """Let tests reach this machine alone; anything else fails at once."""
    import pytest_socket

    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@pytest.fixture(scope="session")
def shared_folder():
    """A folder for what is expensive to build, shared by every worker and later runs; named by what builds it."""
    sources = sorted(Path(__file__).parent.joinpath("fakes").glob("tiny_model.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"gatekeeper-tests-{os.getuid()}-{digest}"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def tiny_world(shared_folder):
    """The tiny model, its adapters, suites and rows: built once, by whichever worker comes first."""
    from tiny_model import build_tiny_world

    with (shared_folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build_tiny_world(shared_folder / "world")


@pytest.fixture(scope="session")
def item_cache(tmp_path_factory):
    """Item scores, shared by the tests of one worker."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server for whoever asks: one for each process of the tests, with a database for each test.

    Its folder is none of pytest's: where tests run as root the server has a user of its own, and every other session
    of pytest that starts meanwhile closes pytest's folder to everybody else.
    """
    from databases import Server

    with tempfile.TemporaryDirectory(prefix="gatekeeper-pg-") as folder, Server(Path(folder) / "pg") as server:
        yield server.hurry()
