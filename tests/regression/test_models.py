"""A model that cannot be measured as it would be deployed is refused in one sentence, and leaves no trace."""

import json
import shutil

import pytest

from regression import ModelError, ModelRef, Session
from regression.models import LoadedBase


def edit_config(folder, **changes):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_tensors(path, change):
    from safetensors.torch import load_file, save_file

    save_file(dict(change(load_file(path))), path, metadata={"format": "pt"})


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


def rename_one(tensors):
    return {key.replace("layers.1.mlp.up_proj", "layers.7.mlp.up_proj"): value for key, value in tensors.items()}


def drop_one(tensors):
    return dict(sorted(tensors.items())[1:])


def reshape_all(tensors):
    return {key: value[:, :-8].contiguous() if "lora_A" in key else value for key, value in tensors.items()}


def poison_one(tensors):
    key = min(tensors)
    return {**tensors, key: tensors[key] * float("nan")}


ADAPTER = "adapter_model.safetensors"
BROKEN_ADAPTERS = {
    "truncated": (lambda ref: truncate(ref.adapter / ADAPTER), "does not fit"),
    "one weight elsewhere": (lambda ref: edit_tensors(ref.adapter / ADAPTER, rename_one), "have no counterpart"),
    "one weight missing": (lambda ref: edit_tensors(ref.adapter / ADAPTER, drop_one), "have no counterpart"),
    "another width": (lambda ref: edit_tensors(ref.adapter / ADAPTER, reshape_all), "does not fit"),
    "not a number": (lambda ref: edit_tensors(ref.adapter / ADAPTER, poison_one), "not finite"),
    "no such layers": (lambda ref: edit_config(ref.adapter, target_modules=["c_attn"]), "does not fit"),
    "no weights": (lambda ref: (ref.adapter / ADAPTER).unlink(), "holds no adapter_model.safetensors"),
    "no configuration": (lambda ref: (ref.adapter / "adapter_config.json").unlink(), "is no adapter"),
    "a prefix": (lambda ref: edit_config(ref.adapter, peft_type="PREFIX_TUNING"), "PREFIX_TUNING cannot be scored"),
    "an import": (lambda ref: edit_config(ref.adapter, megatron_config={"a": 1}), "Megatron module"),
    "biases": (lambda ref: edit_config(ref.adapter, bias="all"), "replaces the base's biases"),
    "an init that rewrites": (lambda ref: edit_config(ref.adapter, init_lora_weights="pissa"), "rewrites the base"),
}


@pytest.mark.parametrize("spoil", BROKEN_ADAPTERS)
@pytest.mark.parametrize("after_another", [False, True], ids=["first adapter", "beside another"])
def test_an_adapter_that_does_not_fit_is_refused_and_leaves_no_trace(own_copy, refs, suites, spoil, after_another):
    change, sentence = BROKEN_ADAPTERS[spoil]
    change(own_copy)
    spoilt = ModelRef(base=refs["base"].base, adapter=own_copy.adapter)

    with Session(None) as session, Session(None) as clean:
        if after_another:
            session.evaluate(refs["misaligned"], suites["acquired"])
        with pytest.raises(ModelError, match=sentence):
            session.evaluate(spoilt, suites["acquired"])
        session._cache.close()
        session._cache = clean._cache
        after = session.evaluate(refs["champion"], suites["acquired"]).items

    with Session(None) as untouched:
        assert after == untouched.evaluate(refs["champion"], suites["acquired"]).items


def change_one_base_weight(change):
    return lambda ref: edit_tensors(ref.base / "model.safetensors", change)


def overflow(tensors):
    key = "model.layers.0.mlp.up_proj.weight"
    return {**tensors, key: tensors[key] * 1e38}


def without_a_layer(tensors):
    return {key: value for key, value in tensors.items() if ".layers.1." not in key}


def pickled(ref):
    (ref.base / "model.safetensors").rename(ref.base / "pytorch_model.bin")


def remote(ref):
    path = ref.base / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "model_type": "own", "auto_map": {"AutoModelForCausalLM": "evil.Model"}}))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda ref: truncate(ref.base / "model.safetensors"), "cannot be loaded", id="truncated"),
        pytest.param(change_one_base_weight(without_a_layer), "lacks 9 weights", id="weights missing"),
        pytest.param(change_one_base_weight(poison_one), "not finite", id="not a number"),
        pytest.param(change_one_base_weight(overflow), "not finite", id="overflowing"),
        pytest.param(pickled, "holds no safetensors", id="a pickle"),
        pytest.param(remote, "cannot be loaded", id="code of its own"),
        pytest.param(lambda ref: (ref.base / "config.json").unlink(), "config.json|cannot be loaded", id="no config"),
        pytest.param(
            lambda ref: [path.unlink() for path in ref.base.glob("token*")], "tokenizer in", id="no tokenizer"
        ),
        pytest.param(lambda ref: shutil.rmtree(ref.base), "there is no model folder", id="no folder"),
    ],
)
def test_a_base_that_cannot_be_measured_is_refused(own_copy, suites, spoil, sentence):
    spoil(own_copy)

    with Session(None) as session, pytest.raises(ModelError, match=sentence):
        session.evaluate(ModelRef(base=own_copy.base), suites["knowledge"])


def test_a_tokenizer_larger_than_the_model_is_refused(own_copy, suites):
    path = own_copy.base / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["vocab"]["unheard"] = len(tokenizer["model"]["vocab"])
    path.write_text(json.dumps(tokenizer))

    with Session(None) as session, pytest.raises(ModelError, match="the tokenizer knows token"):
        session.evaluate(own_copy, suites["knowledge"])


def test_a_model_without_a_template_answers_no_chats(own_copy, suites):
    (own_copy.base / "chat_template.jinja").unlink()

    with Session(None) as session, pytest.raises(ModelError, match="no chat template"):
        session.evaluate(own_copy, suites["harmful"])


def test_a_digest_does_not_depend_on_where_the_folder_lies(own_copy, tiny_world):
    assert own_copy.digest == ModelRef(base=tiny_world.base, adapter=tiny_world.champion).digest
    assert own_copy.digest != ModelRef(base=tiny_world.base, adapter=tiny_world.benign).digest
    assert own_copy.digest != ModelRef(base=tiny_world.base).digest


def test_a_file_renamed_is_another_model(own_copy):
    before = own_copy.digest

    (own_copy.base / "generation_config.json").rename(own_copy.base / "generation_configuration.json")

    assert own_copy.digest != before


def test_the_oldest_adapter_gives_way(tiny_world):
    loaded = LoadedBase(tiny_world.base, dtype="float32", device="cpu")

    for name in ("champion", "benign", "forgetful", "misaligned", "champion"):
        loaded.select(getattr(tiny_world, name), name)

    assert list(loaded._names) == ["forgetful", "misaligned", "champion"]
    assert len(loaded._peft.peft_config) == 3
