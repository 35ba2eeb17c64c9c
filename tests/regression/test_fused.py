"""Fused norms, products and rotations are the model's own operations in fewer kernels; a GPU answers the same."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from regression import Session, fused
from regression.fused import ARCHITECTURES, can_fuse, fuse
from regression.models import LoadedBase

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture
def traced(monkeypatch):
    """Functions are traced as for a GPU, and run by the traced graph, which needs no compiler."""

    def trace(function):
        return torch.compile(function, dynamic=True, fullgraph=True, backend="eager")

    monkeypatch.setattr(fused, "_compiled", trace)
    fused._product.cache_clear()
    yield
    fused._product.cache_clear()


def small(architecture):
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    config = AutoConfig.for_model(
        architecture, vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, **heads
    )
    return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_fused_model_gives_the_same_logits(architecture, traced):
    model = small(architecture)
    batches = [torch.randint(0, 97, shape) for shape in ((1, 1), (1, 7), (3, 11), (5, 2))]
    with torch.inference_mode():
        plain = [model(ids).logits for ids in batches]
        fuse(model)
        again = [model(ids).logits for ids in batches]
    assert sum("forward" in vars(module) for module in model.modules()) >= 2 * (2 + 1) + 1
    for one, other in zip(plain, again, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_adapters_are_switched_on_a_fused_base(tiny_world, traced):
    ids = torch.arange(12).reshape(2, 6)
    plain, quick = (LoadedBase(tiny_world.base, dtype="float32", device="cpu", fuse=one) for one in (False, True))
    with torch.inference_mode():
        for name in ("champion", "forgetful", "champion"):
            folder = getattr(tiny_world, name)
            expected, found = (base.select(folder, name)(ids).logits for base in (plain, quick))
            torch.testing.assert_close(expected, found, rtol=0, atol=1e-5)


def test_nothing_is_fused_on_a_processor(tiny_world):
    assert not can_fuse("llama", "cpu")
    base = LoadedBase(tiny_world.base, dtype="float32", device="cpu")
    assert not any("forward" in vars(module) for module in base.model.modules())


def test_a_device_whose_compiler_fails_is_served_unfused(monkeypatch, caplog):
    def broken(*_, **__):
        raise RuntimeError("no C compiler here")

    monkeypatch.setattr(torch, "compile", broken)
    assert not fused._compiles.__wrapped__("cpu")
    assert "no C compiler here" in caplog.text


@gpu
@pytest.mark.parametrize("name", ["knowledge", "prose", "instructions"])
def test_a_gpu_gives_the_same_bits_twice_and_a_processors_numbers(name, refs, suites):
    ref = refs["champion"]
    results = []
    for device in ("cuda", "cuda", "cpu"):
        with Session(None, dtype="float32", device=device) as session:
            results.append(session.evaluate(ref, suites[name]))
    found, again, expected = results
    assert found.items == again.items
    for one, other in zip(found.items, expected.items, strict=True):
        assert one.text == other.text
        assert dict(one.values) == pytest.approx(dict(other.values), abs=2e-3)
