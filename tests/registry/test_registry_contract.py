"""What every registry promises, held by the fake and by MLflow on SQLite alike."""

import math
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from registry import FakeRegistry

from gatekeeper.core.errors import PromotionConflict, RegistryError
from gatekeeper.core.update import UpdateKind
from gatekeeper.registry.mlflow_registry import MlflowRegistry
from gatekeeper.registry.port import MANIFEST_TAG, Registry

FILES = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"weights", "nested/tokenizer.json": b"[]"}


@pytest.fixture(params=["fake", "mlflow"])
def registry(request, tmp_path) -> Registry:
    if request.param == "fake":
        made = FakeRegistry(root=tmp_path / "registry")
    else:
        shutil.copyfile(request.getfixturevalue("empty_mlflow"), tmp_path / "mlflow.db")
        made = MlflowRegistry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    made.ensure_model("helper")
    return made


def test_it_answers_and_has_a_stable_name_without_spaces(registry):
    registry.reach()

    assert registry.id
    assert " " not in registry.id


def test_registering_a_model_twice_is_harmless(registry):
    registry.ensure_model("helper")

    assert registry.alias_version("helper", "champion") is None


def test_an_alias_of_an_unknown_model_is_nothing(registry):
    assert registry.alias_version("nobody", "champion") is None


def test_a_candidate_becomes_a_version_that_no_alias_points_to(registry, propose):
    update = propose(FILES)

    logged = registry.log_candidate(update, None, {"knowledge.delta": -0.01}, {"outcome": "ADMIT"})

    described = registry.describe("helper", logged.version)
    assert described.aliases == ()
    assert described.run_id == logged.run_id
    assert described.tags["outcome"] == "ADMIT"
    assert described.tags[MANIFEST_TAG] == update.digest
    assert registry.alias_version("helper", "champion") is None


def test_the_card_gives_back_manifest_kind_and_base(registry, propose):
    update = propose(FILES)

    logged = registry.log_candidate(update, None, {}, {})

    card = registry.describe("helper", logged.version).card
    assert card is not None
    assert card.manifest == update.candidate.manifest
    assert card.manifest.digest == update.digest
    assert card.kind is UpdateKind.LORA
    assert card.base_path == update.candidate.base
    assert card.base_digest == "sha256:" + "b" * 64


def test_fetching_gives_exactly_the_files_that_were_named(registry, propose, tmp_path):
    update = propose(FILES)
    (update.candidate.path / "notes.txt").write_text("nobody named me")
    logged = registry.log_candidate(update, None, {}, {})

    folder = registry.fetch("helper", logged.version, tmp_path / "fetched")

    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == FILES


def test_fetching_into_a_folder_with_files_is_refused(registry, propose, tmp_path):
    logged = registry.log_candidate(propose(FILES), None, {}, {})
    registry.fetch("helper", logged.version, tmp_path / "fetched")

    with pytest.raises(RegistryError):
        registry.fetch("helper", logged.version, tmp_path / "fetched")


def test_what_is_fetched_can_be_changed_without_changing_what_is_stored(registry, propose, tmp_path):
    logged = registry.log_candidate(propose(FILES), None, {}, {})
    first = registry.fetch("helper", logged.version, tmp_path / "first")

    (first / "adapter_model.safetensors").write_bytes(b"other")

    second = registry.fetch("helper", logged.version, tmp_path / "second")
    assert (second / "adapter_model.safetensors").read_bytes() == b"weights"


def test_evidence_and_numbers_that_are_none_do_not_stop_a_version(registry, propose, tmp_path):
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "samples.jsonl").write_text("{}\n")

    logged = registry.log_candidate(propose(FILES), evidence, {"a.b": math.nan, "a.c": math.inf, "a.d": 1.0}, {})

    assert registry.describe("helper", logged.version).version == logged.version


def test_the_first_alias_is_set_when_none_is_expected(registry, propose):
    logged = registry.log_candidate(propose(FILES), None, {}, {})

    registry.move_alias("helper", "champion", logged.version, None)

    assert registry.alias_version("helper", "champion") == logged.version
    assert registry.describe("helper", logged.version).aliases == ("champion",)


def test_an_alias_moves_on_from_the_version_that_is_expected(registry, propose):
    first = registry.log_candidate(propose(FILES), None, {}, {})
    second = registry.log_candidate(propose(FILES, id="upd-00000000000000bb"), None, {}, {})
    registry.move_alias("helper", "champion", first.version, None)

    registry.move_alias("helper", "champion", second.version, first.version)

    assert registry.alias_version("helper", "champion") == second.version


@pytest.mark.parametrize(
    "expected", [pytest.param(None, id="none expected"), pytest.param("7", id="another expected")]
)
def test_an_alias_that_points_elsewhere_stays_where_it_is(registry, propose, expected):
    first = registry.log_candidate(propose(FILES), None, {}, {})
    second = registry.log_candidate(propose(FILES, id="upd-00000000000000bb"), None, {}, {})
    registry.move_alias("helper", "champion", first.version, None)

    with pytest.raises(PromotionConflict):
        registry.move_alias("helper", "champion", second.version, expected)

    assert registry.alias_version("helper", "champion") == first.version


def test_an_alias_that_is_gone_is_a_conflict(registry, propose):
    logged = registry.log_candidate(propose(FILES), None, {}, {})

    with pytest.raises(PromotionConflict):
        registry.move_alias("helper", "champion", logged.version, "1")

    assert registry.alias_version("helper", "champion") is None


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda registry, into: registry.describe("helper", "99"), id="describe"),
        pytest.param(lambda registry, into: registry.fetch("helper", "99", into), id="fetch"),
        pytest.param(lambda registry, into: registry.move_alias("helper", "champion", "99", None), id="move"),
    ],
)
def test_a_version_that_does_not_exist_is_an_error(registry, tmp_path, ask):
    with pytest.raises(RegistryError):
        ask(registry, tmp_path / "into")

    assert registry.alias_version("helper", "champion") is None


def test_a_candidate_for_an_unknown_model_becomes_no_version(registry, propose):
    with pytest.raises(RegistryError):
        registry.log_candidate(propose(FILES, model="nobody"), None, {}, {})


def test_a_candidate_whose_file_is_gone_becomes_no_version(registry, propose):
    update = propose(FILES)
    (update.candidate.path / "adapter_model.safetensors").unlink()

    with pytest.raises(RegistryError):
        registry.log_candidate(update, None, {}, {})

    with pytest.raises(RegistryError):
        registry.describe("helper", "1")


def test_a_candidate_that_brings_its_own_card_is_refused(registry, propose):
    with pytest.raises(RegistryError, match="named gatekeeper"):
        registry.log_candidate(propose({**FILES, "gatekeeper.json": b"{}"}), None, {}, {})


def test_a_version_exists_until_it_does_not(registry, propose):
    logged = registry.log_candidate(propose(FILES), None, {}, {})

    assert registry.has_version("helper", logged.version)
    assert not registry.has_version("helper", "99")
    assert not registry.has_version("nobody", "1")


def test_the_storage_tells_every_file_and_the_card_by_name_and_size(registry, propose):
    logged = registry.log_candidate(propose(FILES), None, {}, {})

    told = {file.path: file.size for file in registry.stored_files("helper", logged.version)}

    assert {path: told[path] for path in FILES} == {path: len(content) for path, content in FILES.items()}
    assert set(told) == {*FILES, "gatekeeper.json"}


def test_the_storage_tells_the_same_until_a_file_changes(registry, propose):
    logged = registry.log_candidate(propose(FILES), None, {}, {})
    before = registry.stored_files("helper", logged.version)
    registry.attach_passport("helper", logged.version, "champion", "{}")
    assert registry.stored_files("helper", logged.version) == before

    stored = next(Path(unquote(urlsplit(logged.source).path)).rglob("adapter_model.safetensors"))
    stored.write_bytes(b"weightz")

    assert registry.stored_files("helper", logged.version) != before
