"""A candidate made of small files, and registries to put it into."""

from pathlib import Path

import pytest

from gatekeeper.core.digests import sha256_file
from gatekeeper.core.update import Artifact, Manifest, ManifestEntry, Update, UpdateKind


@pytest.fixture
def propose(tmp_path):
    """Return a function that writes an adapter's files and proposes them for the model ``helper``."""

    def make(files: dict[str, bytes], *, id: str = "upd-00000000000000aa", model: str = "helper") -> Update:
        folder = tmp_path / "candidates" / id
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        own = tuple(
            ManifestEntry(path=name, size=len(content), sha256=sha256_file(folder / name))
            for name, content in sorted(files.items())
        )
        base = ManifestEntry(path="base", size=5, sha256="sha256:" + "b" * 64)
        return Update(
            id=id,
            name="a try",
            model=model,
            candidate=Artifact(
                path=folder,
                base=Path("/models/base"),
                kind=UpdateKind.LORA,
                manifest=Manifest(entries=tuple(sorted((*own, base)))),
            ),
            data=None,
        )

    return make


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory) -> Path:
    """Return an MLflow database with its tables made, to copy: making them takes seconds."""
    from gatekeeper.registry.mlflow_registry import MlflowRegistry

    file = tmp_path_factory.mktemp("mlflow") / "empty.db"
    MlflowRegistry(f"sqlite:///{file}").reach()
    return file
