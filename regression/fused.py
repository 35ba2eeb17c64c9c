"""What stands between matrix products, fused on a GPU.

Norms, gated products and rotary positions read and write every hidden value several times when each step of theirs is
a kernel of its own. ``torch.compile`` makes one kernel of each, for any number of rows and tokens. Matrix products and
attention stay what they are, so that adapters may come, go and be switched without anything being compiled again.
"""

import logging
import sys
from functools import cache, partial
from typing import Any, Final

ARCHITECTURES: Final = ("llama", "qwen2", "qwen3")
"""Those whose feed-forward block is down(activation(gate) x up) and whose positions are rotary."""


def can_fuse(architecture: str, device: str) -> bool:
    """Return whether a model of this ``model_type`` is fused on this torch device; no model is needed to tell."""
    return architecture in ARCHITECTURES and device.startswith("cuda") and _compiles(device)


@cache
def _compiles(device: str) -> bool:
    """Return whether functions can be compiled for the device, by compiling one."""
    import torch

    def doubled(values: Any) -> Any:
        return values + values

    try:
        return float(torch.compile(doubled)(torch.ones(2, device=device)).sum()) == 4
    except Exception as error:  # noqa: BLE001 - compilers fail in many ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        logging.getLogger(__name__).warning("nothing is fused on %s: %s", device, reason[:200])
        return False


def fuse(model: Any) -> None:
    """Fuse the small operations of a model for which ``can_fuse`` holds, in place.

    Results differ from the unfused model's by rounding. Every number of rows, tokens and adapters is served by few
    compiled variants; should there be more than the compiler keeps, it raises instead of running something else.
    """
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = partial(_compiled(type(module).forward), module)
        elif all(hasattr(module, name) for name in ("gate_proj", "up_proj", "down_proj", "act_fn")):
            module.forward = partial(_gated, module)
    _fuse_rotation(sys.modules[type(model).__module__])


def _gated(block: Any, hidden: Any) -> Any:
    return block.down_proj(_product(block.act_fn)(block.gate_proj(hidden), block.up_proj(hidden)))


@cache
def _product(activation: Any) -> Any:
    def product(gate: Any, up: Any) -> Any:
        return activation(gate) * up

    return _compiled(product)


def _fuse_rotation(library: Any) -> None:
    """Replace the library's rotation once; tensors that are on no GPU still go through its own."""
    plain = library.apply_rotary_pos_emb
    if getattr(plain, "fused", False):
        return
    quick = _compiled(plain)

    def apply_rotary_pos_emb(query: Any, key: Any, *more: Any, **named: Any) -> Any:
        return (quick if query.is_cuda else plain)(query, key, *more, **named)

    apply_rotary_pos_emb.fused = True  # type: ignore[attr-defined]
    library.apply_rotary_pos_emb = apply_rotary_pos_emb


@cache
def _compiled(function: Any) -> Any:
    import torch

    return torch.compile(function, dynamic=True, fullgraph=True)
