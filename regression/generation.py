"""Replies in batches, left-padded, stopped as soon as nothing more can change the score.

Greedy, or drawn with a temperature from the smallest set of likeliest tokens that holds ``top_p``. A draw depends on
the suite's seed, the item's id, the number of the reply, and the logits: not on the item's neighbours.

What all conversations of a batch begin with, the template's own opening, is read once. Rows that are done stay in the
batch until all are, so that what one item gets does not depend on when its neighbours end: only on the batch's shape,
which the plan fixes.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from regression.cache import Output
from regression.errors import ModelError
from regression.models import Encoder
from regression.suites import Decoding, GenerateItem

GREEDY: Final = Decoding()


def run_samples(
    model: Any,
    encoder: Encoder,
    batch: Sequence[tuple[GenerateItem, Sequence[int]]],
    decoding: Decoding,
    *,
    sharing: bool,
) -> list[Output]:
    """Return each item's replies, as many as are drawn; arguments and errors as of ``run_replies``."""
    draws = [
        run_replies(model, encoder, batch, sharing=sharing, decoding=decoding, draw=draw)
        for draw in range(decoding.samples)
    ]
    return [
        replace(
            first,
            more=tuple(str(other.text) for other in others),
            written=sum(one.written for one in (first, *others)),
        )
        for first, *others in zip(*draws, strict=True)
    ]


def run_replies(
    model: Any,
    encoder: Encoder,
    batch: Sequence[tuple[GenerateItem, Sequence[int]]],
    *,
    sharing: bool,
    decoding: Decoding = GREEDY,
    draw: int = 0,
) -> list[Output]:
    """Return each item's reply.

    Args:
        model: a causal language model with a key-value cache.
        encoder: its tokenizer.
        batch: items with the token ids of their conversations.
        sharing: whether the cache of a common beginning may be copied to every row.
        decoding: greedy, or how tokens are drawn.
        draw: which of an item's replies this is.

    Raises:
        ModelError: a logit is not finite.
    """
    import torch

    device = model.device
    shared = _common([prompt for _, prompt in batch]) if sharing and len(batch) > 1 else 0
    width = max(len(prompt) for _, prompt in batch) - shared
    ids = torch.zeros((len(batch), width), dtype=torch.long)
    mask = torch.zeros((len(batch), shared + width), dtype=torch.long)
    mask[:, :shared] = 1
    for n, (_, prompt) in enumerate(batch):
        ids[n, width - (len(prompt) - shared) :] = torch.tensor(prompt[shared:])
        mask[n, shared + width - (len(prompt) - shared) :] = 1
    ids, mask = ids.to(device), mask.to(device)
    places = (mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
    one = torch.ones((len(batch), 1), dtype=torch.long, device=device)

    dice = [random.Random(f"{decoding.seed}/{draw}/{item.id}") for item, _ in batch]  # noqa: S311 - no secret
    replies: list[list[int]] = [[] for _ in batch]
    written = [0] * len(batch)
    live = set(range(len(batch)))
    memory = None
    with torch.inference_mode():
        if shared:
            opening = torch.tensor([batch[0][1][:shared]], device=device)
            memory = model(input_ids=opening, use_cache=True, logits_to_keep=1).past_key_values
            memory.batch_repeat_interleave(len(batch))
        while live:
            answer = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=places,
                past_key_values=memory,
                use_cache=True,
                logits_to_keep=1,
            )
            memory = answer.past_key_values
            logits = answer.logits[:, -1].float()
            best = logits.max(-1)
            chosen = best.indices
            if not best.values[sorted(live)].isfinite().all():
                raise ModelError("the model answers with numbers that are not finite.", hint="Check its weights.")
            if decoding.temperature > 0:
                chosen = chosen.clone()
                for n in sorted(live):
                    chosen[n] = drawn(logits[n].cpu(), decoding, dice[n].random())
            for n in sorted(live):
                token = int(chosen[n])
                written[n] += 1
                if token in encoder.eos:
                    live.discard(n)
                    continue
                replies[n].append(token)
                item = batch[n][0]
                text = encoder.text(replies[n])
                stopped = any(stop in text for stop in item.until)
                if stopped or len(replies[n]) >= item.max_new_tokens or item.judge.decided(text):
                    live.discard(n)
            ids = chosen[:, None]
            mask = torch.cat([mask, one], dim=1)
            places = places[:, -1:] + 1
    return [
        Output(text=_ended(item, encoder.text(replies[n])), read=len(prompt), written=written[n])
        for n, (item, prompt) in enumerate(batch)
    ]


def drawn(logits: Any, decoding: Decoding, throw: float) -> int:
    """Return one token of the smallest set of likeliest tokens that holds ``top_p``.

    Args:
        logits: (vocabulary,), float32, finite.
        decoding: with a temperature above 0.
        throw: uniform in [0, 1).
    """
    import torch

    chances, order = (logits.double() / decoding.temperature).softmax(-1).sort(descending=True, stable=True)
    sums = chances.cumsum(-1)
    kept = int((sums < decoding.top_p).sum().clamp(max=len(sums) - 1)) + 1
    place = torch.searchsorted(sums[:kept], throw * sums[kept - 1], right=True)
    return int(order[min(int(place), kept - 1)])


def _ended(item: GenerateItem, text: str) -> str:
    """Return the reply up to the first text that ends it; a chat's reply without outer white space."""
    for stop in item.until:
        text = text.partition(stop)[0]
    return text.strip() if item.messages else text


def _common(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many first tokens all prompts share, leaving each at least one of its own."""
    least = min(map(len, prompts)) - 1
    for n in range(least):
        if any(prompt[n] != prompts[0][n] for prompt in prompts):
            return n
    return max(0, least)
