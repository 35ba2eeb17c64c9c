"""What is chosen by the device, and what of it an answer depends on."""

import platform
from importlib.metadata import version
from typing import Any

from regression.models import ModelRef


def torch_device(wish: str) -> str:
    """Return the torch device that is meant; ``auto`` is the first GPU if there is one."""
    import torch

    if wish != "auto":
        return wish
    return "cuda" if torch.cuda.is_available() else "cpu"


def likely_batches(device: str) -> tuple[int, int]:
    """Return how many padded tokens are scored and how many replies are generated together unless somebody says.

    It depends on the kind of device and on nothing else, since batches are part of every cache key.
    """
    return (2_048, 16) if device.startswith("cpu") else (16_384, 64)


def circumstances(ref: ModelRef, *, engine: str, dtype: str, device: str, fused: bool) -> dict[str, Any]:
    """Return everything but item and batch that an answer depends on, down to the machine's arithmetic."""
    import torch

    on_cpu = device.startswith("cpu")
    unit = torch.backends.cpu.get_cpu_capability() if on_cpu else torch.cuda.get_device_name(device)
    return {
        "engine": engine,
        "model": ref.digest,
        "dtype": dtype,
        "device": f"{device.partition(':')[0]} {platform.machine()} {unit}",
        "fused": fused,
        "threads": torch.get_num_threads() if on_cpu else 0,
        "torch": version("torch"),
        "transformers": version("transformers"),
        "peft": version("peft"),
    }
