"""An empty database and an update to put into it."""

import shutil
from pathlib import Path

import pytest

from gatekeeper.core.update import Artifact, Manifest, ManifestEntry, Provenance, TrainingData, Update, UpdateKind
from gatekeeper.store import updates
from gatekeeper.store.database import Store, create_store, open_store

SUBMITTER = "person:" + "a" * 64


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request) -> str:
    """Which of both databases a test runs on; a test of one alone says so with its own parameter."""
    return request.param


@pytest.fixture
def url(database, tmp_path, request):
    """The URL of a database that is not there yet, or is empty."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path / 'gatekeeper.db'}"
        return
    server = request.getfixturevalue("postgresql")
    made = server.database()
    yield made
    server.drop(made)


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """A SQLite file that has our tables."""
    file = tmp_path_factory.mktemp("template") / "gatekeeper.db"
    create_store(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def store_url(database, tmp_path, request):
    """The URL of a database that has our tables and nothing in them."""
    if database == "sqlite":
        shutil.copy(request.getfixturevalue("template"), tmp_path / "gatekeeper.db")
        yield f"sqlite:///{tmp_path / 'gatekeeper.db'}"
        return
    server = request.getfixturevalue("postgresql")
    made = server.migrated()
    yield made
    server.drop(made)


@pytest.fixture
def store(store_url) -> Store:
    made = open_store(store_url)
    yield made
    made.close()


def an_update(id: str = "upd-00000000000000aa") -> Update:
    entries = (
        ManifestEntry(path="adapter_config.json", size=2, sha256="sha256:" + "1" * 64),
        ManifestEntry(path="base", size=5, sha256="sha256:" + "b" * 64),
    )
    return Update(
        id=id,
        name="a try",
        model="helper",
        candidate=Artifact(
            path=Path("/candidates/a"),
            base=Path("/models/base"),
            kind=UpdateKind.LORA,
            manifest=Manifest(entries=entries),
        ),
        data=TrainingData(path=Path("/data/rows.jsonl"), sha256="sha256:" + "d" * 64, size=2**40),
        provenance=Provenance(method="lora sft", trainer="us", sources=("docs", "tickets")),
    )


@pytest.fixture
def proposed(store) -> Update:
    with store.transaction() as session:
        updates.add(session, an_update(), submitter=SUBMITTER)
    return an_update()


@pytest.fixture
def propose(store):
    """Return a function that proposes another update and returns it."""

    def make(id: str) -> Update:
        with store.transaction() as session:
            updates.add(session, an_update(id), submitter=SUBMITTER)
        return an_update(id)

    return make
