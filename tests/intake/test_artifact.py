import json
from pathlib import Path

import pytest

from gatekeeper.core.errors import UsageError
from gatekeeper.core.update import UpdateKind
from gatekeeper.intake.artifact import read_artifact, recognise


@pytest.fixture
def base(tmp_path):
    return _folder(tmp_path / "base", **{"config.json": "{}", "model.safetensors": "w"})


def _folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def _adapter(path: Path, **config: object) -> Path:
    return _folder(path, **{"adapter_config.json": json.dumps(config), "adapter_model.safetensors": "w"})


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"peft_type": "LORA"}, UpdateKind.LORA),
        ({"peft_type": "LORA", "use_dora": True}, UpdateKind.DORA),
        ({"peft_type": "LOHA"}, UpdateKind.LOW_RANK),
        ({"peft_type": "LOKR"}, UpdateKind.LOW_RANK),
        ({"peft_type": "VERA"}, UpdateKind.LOW_RANK),
        ({"peft_type": "ADALORA"}, UpdateKind.LOW_RANK),
        ({"peft_type": "PREFIX_TUNING"}, UpdateKind.PREFIX),
        ({"peft_type": "PROMPT_TUNING"}, UpdateKind.PREFIX),
        ({"peft_type": "P_TUNING"}, UpdateKind.PREFIX),
        ({"peft_type": "CARTRIDGE"}, UpdateKind.PREFIX),
        ({"peft_type": "SHIRA"}, UpdateKind.SPARSE),
        ({"peft_type": "TRAINABLE_TOKENS"}, UpdateKind.SPARSE),
        ({"peft_type": "XLORA"}, UpdateKind.UNKNOWN),
        ({"peft_type": "lora"}, UpdateKind.UNKNOWN),
        ({"peft_type": ["LORA"]}, UpdateKind.UNKNOWN),
        ({"peft_type": None}, UpdateKind.UNKNOWN),
        ({}, UpdateKind.UNKNOWN),
    ],
    ids=str,
)
def test_the_kind_of_an_adapter_is_read_from_its_config(tmp_path, base, config, kind):
    artifact = read_artifact(_adapter(tmp_path / "a", **config), base)

    assert artifact.kind is kind
    assert artifact.base == base


def test_full_weights_stand_alone_even_when_a_base_is_named(tmp_path, base):
    artifact = read_artifact(_folder(tmp_path / "full", **{"config.json": "{}", "model.safetensors": "w"}), base)

    assert (artifact.kind, artifact.base, artifact.adapter_path) == (UpdateKind.FULL_WEIGHTS, None, None)
    assert "base" not in {entry.path for entry in artifact.manifest.entries}


def test_sharded_weights_are_full_weights(tmp_path):
    files = {"config.json": "{}", "model-00001-of-00002.safetensors": "w", "model-00002-of-00002.safetensors": "w"}

    assert recognise(_folder(tmp_path / "full", **files)) is UpdateKind.FULL_WEIGHTS


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"notes.txt": "x"}, id="nothing of a model"),
        pytest.param({"adapter_config.json": "{", "adapter_model.safetensors": "w"}, id="a config that is no JSON"),
        pytest.param(
            {"adapter_config.json": '{"peft_type":"LORA","peft_type":"SHIRA"}', "adapter_model.safetensors": "w"},
            id="a config with a key twice",
        ),
        pytest.param({"adapter_config.json": "[]", "adapter_model.safetensors": "w"}, id="a config that is a list"),
        pytest.param({"adapter_config.json": '{"peft_type":"LORA"}', "adapter_model.bin": "w"}, id="pickled weights"),
        pytest.param({"config.json": "{}", "pytorch_model.bin": "w"}, id="pickled full weights"),
        pytest.param({"model.safetensors": "w"}, id="weights without a config"),
        pytest.param(
            {
                "config.json": "{}",
                "model.safetensors": "w",
                "adapter_config.json": '{"peft_type":"LORA"}',
                "adapter_model.safetensors": "w",
            },
            id="an adapter hidden in full weights",
        ),
        pytest.param(
            {"config.json": "{}", "model.safetensors": "w", "adapter_config.json": '{"peft_type":"LORA"}'},
            id="full weights that a loader would redirect to another base",
        ),
    ],
)
def test_what_has_no_single_reading_is_unknown_and_no_exception(tmp_path, base, files):
    assert read_artifact(_folder(tmp_path / "a", **files), base).kind is UpdateKind.UNKNOWN


def test_an_adapter_without_its_base_is_a_usage_error_with_a_hint(tmp_path):
    with pytest.raises(UsageError, match="needs the model it stands on") as caught:
        read_artifact(_adapter(tmp_path / "a", peft_type="LORA"), None)

    assert "base" in caught.value.hint


@pytest.mark.parametrize("which", ["candidate", "base"])
def test_a_missing_folder_is_a_usage_error(tmp_path, base, which):
    adapter = _adapter(tmp_path / "a", peft_type="LORA")
    missing = tmp_path / "missing"

    with pytest.raises(UsageError, match="no folder"):
        read_artifact(missing if which == "candidate" else adapter, missing if which == "base" else base)
