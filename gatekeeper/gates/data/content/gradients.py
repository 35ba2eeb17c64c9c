"""What each row would teach a model, as a short vector: a sketch of its gradient in the output layer.

That gradient is Σ over answer tokens of (p − y) hᵀ, vocabulary by hidden size: p the model's next-token chances, y the
token taught, h the last hidden state. It is never built. Each factor is count-sketched and the two sketches are
convolved, which is a count sketch of their outer product; the sum over tokens is taken before transforming back. Inner
products of sketches are unbiased for those of the gradients; their variance is at most 11 / width of the squared
norms' product. Probabilities exist for :data:`_TOKENS` tokens at a time.

Source:
    Pham and Pagh 2013, "Fast and scalable polynomial kernels via explicit feature maps" (TensorSketch); the bound from
    Avron, Nguyen and Woodruff 2014, "Subspace embeddings for the polynomial kernel", theorem 2.2.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatekeeper.core.errors import InputError
from gatekeeper.core.rows import TrainingRow

_TOKENS = 64
"""Answer tokens whose probabilities are held at once."""
_ROWS = 8
"""Rows of one forward pass."""
_SLACK = 1e-2
"""Greatest relative difference between the model's logits and its head applied to its last hidden states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A row as a model reads it."""

    ids: tuple[int, ...]
    """Token ids, answer included."""
    given: int
    """How many of the first are not learned; at least 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketches:
    """One vector a row."""

    values: npt.NDArray[np.float32]
    """(rows, width); all NaN for a row that teaches no token or has no finite gradient: unmeasured."""
    tokens: int
    """Tokens that the model read."""


def taught(row: TrainingRow, tokenizer: Any, *, longest: int) -> Taught:
    """Return a row's token ids: in the tokenizer's chat template if it has one, else prompt, line break, answer.

    A row of more than ``longest`` tokens keeps its answer's opening and the end of what comes before: at least half of
    the tokens are the answer's where it has as many.
    """
    turns = row.turns[:-1] if row.turns and row.turns[-1].role == "assistant" else ()
    if row.prompt and getattr(tokenizer, "chat_template", None):
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        messages = messages or [{"role": "user", "content": row.prompt}]
        asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        before = tokenizer(asked, add_special_tokens=False)["input_ids"]
    else:
        before = tokenizer(f"{row.prompt}\n" if row.prompt else "")["input_ids"]
    answer = tokenizer(row.response, add_special_tokens=False)["input_ids"]
    answer = answer[: max(longest // 2, longest - len(before))]
    before = before[-(longest - len(answer)) :]
    if not before and answer:
        before, answer = answer[:1], answer[1:]
    return Taught(ids=(*before, *answer), given=len(before))


def sketch_rows(rows: Sequence[Taught], model: Any, *, width: int, seed: int) -> Sketches:
    """Return the gradient sketch of each row; the same seed gives comparable sketches, whatever the rows.

    Args:
        rows: each at least one token.
        model: a causal language model of transformers, or a PEFT model around one, in evaluation mode.
        width: length of a sketch.
        seed: of the hash functions.

    Raises:
        InputError: the model's logits are not its output layer applied to its last hidden states: this gradient is not
            the model's.
    """
    import torch

    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    head, decoder = causal.get_output_embeddings(), causal.get_decoder()
    size, hidden = head.weight.shape
    convolve = _tensor_sketch(size, hidden, width, seed, head.weight.device)
    values = np.full((len(rows), width), np.nan, dtype=np.float32)
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].ids))
    tokens = 0
    with torch.inference_mode():
        for start in range(0, len(order), _ROWS):
            places = order[start : start + _ROWS]
            states = _states([rows[at] for at in places], decoder, head.weight.device)
            if start == 0 and places:
                _check(causal, head, rows[places[-1]], states[-1])
            for at, state in zip(places, states, strict=True):
                row = rows[at]
                tokens += len(row.ids)
                if row.given < len(row.ids):
                    targets = torch.tensor(row.ids[row.given :], device=state.device)
                    sketch = convolve(_factors(state[row.given - 1 : len(row.ids) - 1], targets, head))
                    if bool(sketch.isfinite().all()) and bool(sketch.any()):
                        values[at] = sketch.cpu().numpy()
    return Sketches(values=values, tokens=tokens)


def _states(rows: Sequence[Taught], decoder: Any, device: Any) -> list[Any]:
    """Return the last hidden states of each row, (time, hidden)."""
    import torch

    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long, device=device)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row.ids)] = torch.tensor(row.ids, device=device)
        mask[at, : len(row.ids)] = 1
    states = decoder(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    return [states[at, : len(row.ids)] for at, row in enumerate(rows)]


def _check(causal: Any, head: Any, row: Taught, states: Any) -> None:
    import torch

    ids = torch.tensor([row.ids], device=states.device)
    claimed = causal(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1].float()
    own = head(states[-1:])[0].float()
    if not bool((claimed - own).norm() <= _SLACK * claimed.norm()):
        raise InputError(
            "the model's logits are not its output layer on its last hidden states; its gradients have no sketch.",
            hint="Scan without gradient sketches.",
        )


def _factors(states: Any, targets: Any, head: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (p − y, h) for a few tokens at a time, (tokens, vocabulary) and (tokens, hidden)."""
    import torch

    for start in range(0, len(targets), _TOKENS):
        part, wanted = states[start : start + _TOKENS], targets[start : start + _TOKENS]
        errors = torch.softmax(head(part).float(), dim=-1)
        errors[torch.arange(len(wanted), device=errors.device), wanted] -= 1
        yield errors, part.float()


def _tensor_sketch(
    vocabulary: int, hidden: int, width: int, seed: int, device: Any
) -> Callable[[Iterator[tuple[Any, Any]]], Any]:
    """Return the function that sketches a sum of outer products given by its factors."""
    import torch

    generator = torch.Generator().manual_seed(seed)

    def hashed(size: int) -> tuple[Any, Any]:
        places = torch.randint(width, (size,), generator=generator).to(device)
        signs = (torch.randint(2, (size,), generator=generator) * 2 - 1).float().to(device)
        return places, signs

    left, right = hashed(vocabulary), hashed(hidden)

    def spectrum(values: Any, hashes: tuple[Any, Any]) -> Any:
        places, signs = hashes
        counted = torch.zeros((len(values), width), device=device).index_add_(1, places, values * signs)
        return torch.fft.rfft(counted)

    def convolve(factors: Iterator[tuple[Any, Any]]) -> Any:
        total = torch.zeros(width // 2 + 1, dtype=torch.complex64, device=device)
        for errors, states in factors:
            total += (spectrum(errors, left) * spectrum(states, right)).sum(dim=0)
        return torch.fft.irfft(total, n=width)

    return convolve
