import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from gatekeeper.core.gate import GateContext
from gatekeeper.core.update import Artifact, Update
from gatekeeper.intake.artifact import read_artifact

TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
TOKENIZER = {
    "added_tokens": [{"id": 0, "content": "<|end|>", "special": True}],
    "normalizer": None,
    "pre_tokenizer": {"type": "ByteLevel"},
    "truncation": None,
    "model": {"type": "BPE", "vocab": {"<|end|>": 0, "a": 1, "b": 2}, "merges": []},
}
TOKENIZER_CONFIG = {"tokenizer_class": "TokenizersBackend", "eos_token": "<|end|>", "bos_token": "<|end|>"}


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "base"
    _write(folder / "config.json", {"model_type": "llama"})
    _write(folder / "chat_template.jinja", TEMPLATE)
    _write(folder / "tokenizer.json", TOKENIZER)
    _write(folder / "tokenizer_config.json", TOKENIZER_CONFIG)
    save_file({"w": np.zeros((2, 2), dtype="f4")}, folder / "model.safetensors")
    return folder


@pytest.fixture
def make_adapter(tmp_path):
    def make(name: str = "candidate") -> Path:
        folder = tmp_path / name
        _write(folder / "adapter_config.json", {"peft_type": "LORA", "r": 2, "megatron_core": "megatron.core"})
        save_file({"a.lora_A.weight": np.ones((2, 2), dtype="f4")}, folder / "adapter_model.safetensors")
        return folder

    return make


@pytest.fixture
def adapter(make_adapter):
    return make_adapter()


@pytest.fixture
def context_of(tmp_path, base):
    """A context around a candidate, which is read after the test has finished arranging it."""

    def build(candidate: Path | Artifact, champion: Path | None = None, *, alone: bool = False) -> GateContext:
        artifact = candidate if isinstance(candidate, Artifact) else read_artifact(candidate, None if alone else base)
        return GateContext(
            update=Update(id="upd-0", name="one", model="m", candidate=artifact, data=None),
            champion=None if champion is None else read_artifact(champion, base),
            anchor=None,
            rows=None,
            workdir=tmp_path,
            seed=0,
        )

    return build
