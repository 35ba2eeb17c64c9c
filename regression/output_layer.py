"""The output layer, evaluated only where something is scored, and the sums of its probabilities."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

CHUNK: Final = 64
"""Places normalised at once on a processor."""
CUDA_CHUNK: Final = 1024
"""The same on a GPU, where reading the layer's weights again costs more than room."""
REFINED: Final = 96
"""Largest logits computed again in float32 at each place, besides the scored tokens."""


def chunk(device: Any) -> int:
    """Return how many places are normalised at once on this torch device."""
    return CUDA_CHUNK if device.type == "cuda" else CHUNK


def norms(logits: Any) -> tuple[Any, Any]:
    """Return the log of the summed exponentials of each row of (places, vocabulary), and the row's argmax.

    On a processor through one buffer that is used again.
    """
    import torch

    found, likeliest = [], []
    if logits.device.type == "cuda":
        for block in logits.split(CUDA_CHUNK):
            found.append(torch.logsumexp(block.float(), dim=-1))
            likeliest.append(block.argmax(-1))
        return torch.cat(found), torch.cat(likeliest)
    space = torch.empty((CHUNK, logits.shape[-1]), dtype=torch.float32, device=logits.device)
    for block in logits.split(CHUNK):
        best = block.max(-1, keepdim=True)
        most = best.values.float()
        likeliest.append(best.indices[:, 0])
        shifted = torch.sub(block, most, out=space[: len(block)])
        found.append(shifted.exp_().sum(-1).log() + most[:, 0])
    return torch.cat(found), torch.cat(likeliest)


@contextmanager
def only_at(model: Any, spots: tuple[Any, Any], wanted: Any, tokens: Any) -> Iterator[None]:
    """Let the output layer see only these (row, token) places; its result is (1, places, vocabulary), float32.

    Rounded to bfloat16, a logit of 20 moves in steps of an eighth, and close choices tie. So nothing is rounded: a GPU
    multiplies in the layer's dtype, sums in float32 and keeps that; a processor evaluates a plain linear layer in its
    own dtype and then, for the largest logits and the scored tokens, again in float32. Whatever the model does to its
    logits afterwards (soft caps, scales) still happens.

    Args:
        model: the causal language model.
        spots: rows and columns of the places, distinct; two integer arrays of shape (places,).
        wanted: (targets,), for each target the index of its place.
        tokens: (targets,), its token.
    """
    import torch

    head = model.get_output_embeddings()
    rows, columns = (torch.from_numpy(side).to(model.device) for side in spots)
    hook = head.register_forward_pre_hook(lambda _, given: (given[0][rows, columns][None],))
    unrounded = type(head) is torch.nn.Linear and head.weight.dtype is not torch.float32
    if unrounded:
        head.forward = _summed_in_float32(head) if model.device.type == "cuda" else _refined(head, wanted, tokens)
    try:
        yield
    finally:
        hook.remove()
        if unrounded:
            del head.forward


def _summed_in_float32(head: Any) -> Callable[[Any], Any]:
    import torch

    def forward(hidden: Any) -> Any:
        parts = [torch.mm(part, head.weight.t(), out_dtype=torch.float32) for part in hidden[0].split(CUDA_CHUNK)]
        result = torch.cat(parts) if len(parts) > 1 else parts[0]
        return (result if head.bias is None else result + head.bias.float())[None]

    return forward


def _refined(head: Any, wanted: Any, tokens: Any) -> Callable[[Any], Any]:
    import torch

    def forward(hidden: Any) -> Any:
        weight, bias = head.weight, None if head.bias is None else head.bias.float()
        result = torch.empty((hidden.shape[1], weight.shape[0]), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(result), CHUNK):
            block, given = result[start : start + CHUNK], hidden[0, start : start + CHUNK]
            block.copy_(torch.nn.functional.linear(given, weight, head.bias))
            largest = block.topk(min(REFINED, len(weight)), dim=-1).indices
            exact = torch.einsum("nd,nkd->nk", given.float(), weight[largest].float())
            block.scatter_(1, largest, exact if bias is None else exact + bias[largest])
        exact = (hidden[0][wanted].float() * weight[tokens].float()).sum(-1)
        result[wanted, tokens] = exact if bias is None else exact + bias[tokens]
        return result[None]

    return forward
