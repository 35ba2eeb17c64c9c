"""What a registry lists about versions that others put there, held by the fake and by MLflow alike."""

import shutil
from pathlib import Path

import pytest
from registry import FakeRegistry

from gatekeeper.core.errors import RegistryError, VerificationError
from gatekeeper.registry.listing import is_within_reach, versions
from gatekeeper.registry.mlflow_registry import MlflowRegistry

FILES = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"weights"}


class Stranger:
    """Somebody who writes to MLflow without us."""

    def __init__(self, registry):
        self.registry = registry

    def put(self, model, folder, tags=None, *, user=""):
        client = self.registry._client
        experiment = client.get_experiment_by_name("training")
        root = self.registry._artifact_root
        name = experiment.experiment_id if experiment else client.create_experiment("training", root.as_uri())
        run = client.create_run(name, tags={"mlflow.user": user} if user else {})
        client.log_artifacts(run.info.run_id, str(folder), "model")
        made = client.create_model_version(
            model, f"{run.info.artifact_uri}/model", run.info.run_id, tags=tags, await_creation_for=0
        )
        return str(made.version)

    def log_file(self, model, version, path, content):
        client = self.registry._client
        client.log_text(client.get_model_version(model, version).run_id, content.decode(), path)


@pytest.fixture(params=["fake", "mlflow"])
def registry(request, tmp_path):
    if request.param == "fake":
        made = FakeRegistry(root=tmp_path / "registry")
    else:
        shutil.copyfile(request.getfixturevalue("empty_mlflow"), tmp_path / "mlflow.db")
        made = MlflowRegistry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    made.ensure_model("helper")
    return made


@pytest.fixture
def stranger(registry):
    return registry if isinstance(registry, FakeRegistry) else Stranger(registry)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "theirs"
    made.mkdir()
    for name, content in FILES.items():
        (made / name).write_bytes(content)
    return made


def test_versions_come_newest_first_with_what_they_say(registry, stranger, folder):
    for number in range(3):
        stranger.put("helper", folder, {"number": str(number)}, user="dana")

    listed = list(registry.list_versions("helper"))

    assert [each.version for each in listed] == ["3", "2", "1"]
    assert [each.tags["number"] for each in listed] == ["2", "1", "0"]
    assert all(each.ready and each.created_ms > 1_700_000_000_000 for each in listed)
    assert registry.run_user(listed[0].run_id) == "dana"
    assert registry.is_within_reach("helper", "1")


def test_a_model_that_there_is_not_has_no_versions(registry):
    assert list(registry.list_versions("nobody")) == []


def test_a_run_that_there_is_not_was_made_by_nobody(registry):
    assert registry.run_user("0" * 32) == ""


def test_a_file_of_the_run_is_fetched(registry, stranger, folder, tmp_path):
    version = stranger.put("helper", folder)
    stranger.log_file("helper", version, "data/rows.jsonl", b"one\n")
    (listed,) = registry.list_versions("helper")

    found = registry.fetch_run_file(listed.run_id, "data/rows.jsonl", tmp_path)

    assert (found.parent, found.read_bytes()) == (tmp_path, b"one\n")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("data/none.jsonl", id="not-there"),
        pytest.param("model", id="a-folder"),
        pytest.param("", id="nothing"),
        pytest.param("../secret.jsonl", id="above"),
        pytest.param("data/../../secret.jsonl", id="above-by-a-detour"),
        pytest.param("/etc/hosts", id="absolute"),
        pytest.param("%2e%2e/secret.jsonl", id="above-in-percent"),
        pytest.param("..\\secret.jsonl", id="above-with-backslashes"),
        pytest.param("data/\x00.jsonl", id="a-nul"),
    ],
)
def test_nothing_beside_the_run_is_fetched(registry, stranger, folder, tmp_path, path):
    stranger.put("helper", folder)
    (listed,) = registry.list_versions("helper")
    into = tmp_path / "into"
    into.mkdir()

    with pytest.raises((VerificationError, RegistryError)):
        registry.fetch_run_file(listed.run_id, path, into)

    assert list(into.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "reached"),
    [
        pytest.param("mlflow-artifacts:/0/run/artifacts/model", True, id="the-servers-own"),
        pytest.param("s3://bucket/model", True, id="object-storage"),
        pytest.param("/srv/registry/artifacts/0/model", True, id="below-its-folder"),
        pytest.param("file:///srv/registry/artifacts/0/model", True, id="below-its-folder-as-an-address"),
        pytest.param("/srv/registry/artifacts/../../../etc", False, id="out-of-its-folder"),
        pytest.param("file:///srv/registry/artifacts/%2e%2e/secrets", False, id="out-of-it-in-percent"),
        pytest.param("file://elsewhere/srv/registry/artifacts/0", False, id="another-machine"),
        pytest.param("/etc", False, id="a-folder-of-this-machine"),
        pytest.param("model", False, id="a-relative-folder"),
        pytest.param("http://169.254.169.254/latest", False, id="metadata"),
        pytest.param("HTTPS://files.example/model", False, id="a-web-server"),
        pytest.param("ftp://files.example/model", False, id="ftp"),
        pytest.param("hdfs://name/model", False, id="hdfs"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_only_where_a_registry_keeps_files_is_within_reach(source, reached):
    assert is_within_reach(source, Path("/srv/registry/artifacts")) is reached


def test_without_a_folder_of_its_own_no_folder_is_within_reach():
    assert not is_within_reach("/srv/registry/artifacts/0", None)


def test_a_version_at_a_folder_of_the_machine_is_not_within_reach(tmp_path, empty_mlflow):
    shutil.copyfile(empty_mlflow, tmp_path / "mlflow.db")
    registry = MlflowRegistry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    registry.ensure_model("helper")
    registry._client.create_model_version("helper", source="/etc", await_creation_for=0)

    assert not registry.is_within_reach("helper", "1")


@pytest.mark.parametrize("name", ["it's", 'a "name"', "a%b", "a_b", "ä b"])
def test_names_are_quoted_for_the_filter(tmp_path, empty_mlflow, name):
    shutil.copyfile(empty_mlflow, tmp_path / "mlflow.db")
    registry = MlflowRegistry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    for each in (name, "axb"):
        registry.ensure_model(each)
        registry._client.create_model_version(each, source="s3://b/m", await_creation_for=0)

    assert [each.model for each in registry.list_versions(name)] == [name]
    assert len(list(registry.list_versions(name))) == 1


def test_a_name_with_both_quotation_marks_is_an_error_and_no_filter():
    class Client:
        def search_model_versions(self, *args, **more):
            raise AssertionError("a filter was made of it")

    with pytest.raises(RegistryError, match="quotation"):
        list(versions(Client(), "' or \"x"))
