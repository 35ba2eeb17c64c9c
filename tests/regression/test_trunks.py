"""Models that are equal below a layer share that layer's input: same bits, less work, and never a wrong guess."""

import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from regression import ModelRef, Session
from regression.layer_digests import layer_digests
from regression.trunks import Trunks


@pytest.fixture(scope="module")
def depth(tiny_world):
    return AutoModelForCausalLM.from_pretrained(tiny_world.base).config.num_hidden_layers


@pytest.fixture(scope="module")
def upper(tiny_world, depth, tmp_path_factory):
    """Two adapters on the last layer alone, and one on all layers."""
    found = {}
    for seed, (name, layers) in enumerate({"one": [depth - 1], "other": [depth - 1], "all": None}.items()):
        torch.manual_seed(seed)
        config = LoraConfig(
            r=2, target_modules=["q_proj", "down_proj"], layers_to_transform=layers, init_lora_weights=False
        )
        folder = tmp_path_factory.mktemp(name)
        get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_world.base), config).save_pretrained(folder)
        found[name] = ModelRef(base=tiny_world.base, adapter=folder)
    return found


@pytest.fixture
def layer_runs(monkeypatch):
    """How often a decoder layer ran."""
    from transformers.models.llama import modeling_llama

    counted = [0]
    forward = modeling_llama.LlamaDecoderLayer.forward

    def counting(*args, **named):
        counted[0] += 1
        return forward(*args, **named)

    monkeypatch.setattr(modeling_llama.LlamaDecoderLayer, "forward", counting)
    return counted


def evaluated(cache, ref, suite, **how):
    with Session(cache, dtype="float32", device="cpu", batch_tokens=96, **how) as session:
        return session.evaluate(ref, suite).items


@pytest.mark.parametrize("name", ["knowledge", "prose"])
def test_the_second_adapter_on_the_last_layer_begins_there(name, upper, suites, tmp_path, depth, layer_runs):
    expected = evaluated(None, upper["other"], suites[name])
    whole, layer_runs[0] = layer_runs[0], 0
    first = evaluated(tmp_path, upper["one"], suites[name])
    assert layer_runs[0] == whole
    layer_runs[0] = 0
    assert evaluated(tmp_path, upper["other"], suites[name]) == expected
    header = depth - 1 if name == "knowledge" and layer_runs[0] > whole // depth else 0
    assert layer_runs[0] == whole // depth + header  # what all items begin with is read through all layers
    assert first != expected


def test_an_adapter_on_all_layers_shares_nothing(upper, suites, tmp_path, layer_runs):
    expected = evaluated(None, upper["all"], suites["knowledge"])
    whole, layer_runs[0] = layer_runs[0], 0
    evaluated(tmp_path, upper["one"], suites["knowledge"])
    layer_runs[0] = 0
    assert evaluated(tmp_path, upper["all"], suites["knowledge"]) == expected
    assert layer_runs[0] == whole


def test_whole_models_that_differ_in_one_byte_of_a_layer_share_what_lies_below(tiny_world, tmp_path, depth):
    refs = {}
    for layer in (0, depth - 1):
        folder = tmp_path / str(layer)
        shutil.copytree(tiny_world.base, folder)
        weights = load_file(folder / "model.safetensors")
        weights[f"model.layers.{layer}.mlp.up_proj.weight"].view(torch.uint8)[0, 0] ^= 1
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        refs[layer] = layer_digests(ModelRef(base=folder))
    base = layer_digests(ModelRef(base=tiny_world.base))
    assert len(base) == depth
    assert refs[depth - 1] == base
    assert refs[0][0] == base[0]
    assert not set(refs[0][1:]) & set(base[1:])


def test_the_third_whole_model_begins_at_the_layer_it_shares(tiny_world, suites, tmp_path, depth, layer_runs):
    cache, versions = tmp_path / "cache", []
    for version in range(3):
        folder = tmp_path / str(version)
        shutil.copytree(tiny_world.base, folder)
        weights = load_file(folder / "model.safetensors")
        weights[f"model.layers.{depth - 1}.mlp.up_proj.weight"] += version * 0.01
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        versions.append(ModelRef(base=folder))
    expected = evaluated(None, versions[2], suites["prose"])
    runs = []
    for ref in versions:
        layer_runs[0] = 0
        found = evaluated(cache, ref, suites["prose"])
        runs.append(layer_runs[0])
    assert found == expected
    assert runs == [runs[0], runs[0], runs[0] // depth]


def test_a_damaged_file_is_computed_again(upper, suites, tmp_path):
    expected = evaluated(None, upper["other"], suites["prose"])
    evaluated(tmp_path, upper["one"], suites["prose"])
    files = list((tmp_path / "inputs").glob("*.input"))
    assert files
    for path in files:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    assert evaluated(tmp_path, upper["other"], suites["prose"]) == expected


def test_nothing_is_kept_where_it_is_not_wanted(upper, suites, tmp_path):
    evaluated(tmp_path, upper["one"], suites["prose"], keep_inputs=False)
    assert not (tmp_path / "inputs").exists()


def test_the_folder_never_holds_more_than_its_limit(tmp_path):
    store = Trunks(tmp_path, limit=10_000)
    for n in range(12):
        store.keep(str(n), torch.full((1, 10, 50), float(n)))
    held = sorted(tmp_path.glob("*.input"))
    assert 0 < sum(path.stat().st_size for path in held) <= 10_000
    assert store.read("11") is not None
    assert store.read("0") is None


def test_weights_of_unknown_names_share_nothing(tmp_path, tiny_world):
    folder = tmp_path / "odd"
    shutil.copytree(tiny_world.base, folder)
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "model.extra.weight": torch.zeros(2)}, folder / "model.safetensors")
    assert layer_digests(ModelRef(base=folder)) == ()
