"""What only MLflow can get wrong: addresses, silence, versions that came another way, and first creation."""

import shutil
import socket
import subprocess
import sys

import pytest
from registry import FakeRegistry

from gatekeeper.core.errors import PromotionConflict, RegistryError
from gatekeeper.registry import address
from gatekeeper.registry.mlflow_registry import MlflowRegistry

FILES = {"adapter_model.safetensors": b"weights"}


@pytest.fixture
def mlflow_file(empty_mlflow, tmp_path):
    return shutil.copyfile(empty_mlflow, tmp_path / "mlflow.db")


@pytest.mark.parametrize(
    "uri", ["", " ", "mlruns", "./mlruns", "/data/mlruns", "file:///data/mlruns", "file:mlruns", "C:\\x"]
)
def test_the_file_store_is_refused_with_a_way_out(uri):
    with pytest.raises(RegistryError) as refused:
        MlflowRegistry(uri)

    assert "sqlite:///" in refused.value.hint


def test_a_file_store_for_the_registry_alone_is_refused_too():
    with pytest.raises(RegistryError, match="file store"):
        MlflowRegistry("sqlite:///mlflow.db", "mlruns")


def test_a_server_database_without_a_folder_for_files_is_refused():
    with pytest.raises(RegistryError, match="without a folder"):
        MlflowRegistry("postgresql://user:secret@db/mlflow")


def test_a_server_that_is_not_there_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://me:secret@127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(RegistryError) as refused:
            MlflowRegistry(uri).reach()

    assert "does not answer" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_database_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"this is no database, and long enough to be read as one" * 20)

    with pytest.raises(RegistryError, match="cannot be opened"):
        MlflowRegistry(f"sqlite:///{tmp_path / 'mlflow.db'}").reach()


def test_a_folder_in_the_place_of_a_database_is_one_sentence(tmp_path):
    with pytest.raises(RegistryError, match="cannot be opened"):
        MlflowRegistry(f"sqlite:///{tmp_path}").reach()


def test_a_version_that_came_another_way_is_described_without_a_card(mlflow_file, tmp_path):
    registry = MlflowRegistry(f"sqlite:///{mlflow_file}")
    registry.ensure_model("helper")
    (tmp_path / "elsewhere").mkdir()
    registry._client.create_model_version("helper", source=(tmp_path / "elsewhere").as_uri())

    described = registry.describe("helper", "1")

    assert described.card is None
    assert described.run_id is None


def test_a_link_among_stored_files_is_not_followed(mlflow_file, tmp_path):
    registry = MlflowRegistry(f"sqlite:///{mlflow_file}")
    registry.ensure_model("helper")
    stored = tmp_path / "stored"
    stored.mkdir()
    (tmp_path / "secret").write_text("mine")
    (stored / "adapter_model.safetensors").symlink_to(tmp_path / "secret")
    registry._client.create_model_version("helper", source=stored.as_uri())

    fetched = registry.fetch("helper", "1", tmp_path / "into")

    assert not any(path.is_symlink() for path in fetched.rglob("*"))


def test_a_run_that_was_cut_off_is_marked_failed(mlflow_file, propose):
    registry = MlflowRegistry(f"sqlite:///{mlflow_file}")
    registry.ensure_model("helper")
    update = propose(FILES)
    (update.candidate.path / "adapter_model.safetensors").unlink()

    with pytest.raises(RegistryError):
        registry.log_candidate(update, None, {}, {})

    runs = registry._client.search_runs([registry._experiment()])
    assert [run.info.status for run in runs] == ["FAILED"]


def test_evidence_and_metrics_lie_in_the_run(mlflow_file, propose, tmp_path):
    registry = MlflowRegistry(f"sqlite:///{mlflow_file}")
    registry.ensure_model("helper")
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "samples.jsonl").write_text("{}\n")

    logged = registry.log_candidate(propose(FILES), tmp_path / "evidence", {"a": 0.5, "b": float("nan")}, {})

    stored = registry._client.list_artifacts(logged.run_id, "evidence")
    assert [file.path for file in stored] == ["evidence/samples.jsonl"]
    assert registry._client.get_run(logged.run_id).data.metrics == {"a": 0.5}


def test_a_deleted_experiment_is_one_sentence(mlflow_file, propose):
    registry = MlflowRegistry(f"sqlite:///{mlflow_file}")
    registry.ensure_model("helper")
    registry._client.delete_experiment(registry._experiment())

    with pytest.raises(RegistryError, match="was deleted"):
        registry.log_candidate(propose(FILES), None, {}, {})


def test_an_alias_moved_between_setting_and_reading_back_is_a_conflict(propose, tmp_path):
    reads = []

    def interfere(step: str) -> None:
        reads.append(step)
        if reads[-2:] == ["set", "read"]:
            fake.aliases["helper"]["champion"] = "2"

    fake = FakeRegistry(root=tmp_path)
    fake.ensure_model("helper")
    for number in ("aa", "bb"):
        fake.log_candidate(propose(FILES, id=f"upd-00000000000000{number}"), None, {}, {})
    fake.before = interfere

    with pytest.raises(PromotionConflict):
        fake.move_alias("helper", "champion", "1", None)


def test_one_registry_has_one_name_and_hides_its_address():
    same = {
        address.registry_id("http://Host:5000"),
        address.registry_id("http://host:5000/"),
        address.registry_id("http://me:secret@host:5000"),
    }

    assert len(same) == 1
    assert address.registry_id("http://host:5001") not in same
    assert "host" not in same.pop()


def test_processes_that_meet_an_empty_registry_at_once_all_succeed_in_silence(tmp_path):
    script = (
        "import sys\n"
        "from gatekeeper.registry.mlflow_registry import MlflowRegistry\n"
        "registry = MlflowRegistry(sys.argv[1])\n"
        "registry.ensure_model('helper')\n"
        "registry._experiment()\n"
    )
    command = [sys.executable, "-c", script, f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"]

    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in started]

    assert ended == [((b"", b""), 0)] * 2


def test_a_stored_file_that_became_a_link_is_missed(mlflow_file, propose, tmp_path):
    registry = MlflowRegistry(f"sqlite:///{mlflow_file}")
    registry.ensure_model("helper")
    logged = registry.log_candidate(propose(FILES), None, {}, {})
    (stored,) = tmp_path.rglob("mlartifacts/**/adapter_model.safetensors")
    (tmp_path / "elsewhere").write_bytes(b"weights")
    stored.unlink()
    stored.symlink_to(tmp_path / "elsewhere")

    told = {file.path for file in registry.stored_files("helper", logged.version)}

    assert told == {"adapter_model.safetensors (link)", "gatekeeper.json"}
