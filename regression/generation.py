"""Greedy replies in batches, left-padded, stopped as soon as nothing more can change the score.

What all conversations of a batch begin with, the template's own opening, is read once. Rows that are done stay in the
batch until all are, so that what one item gets does not depend on when its neighbours end: only on the batch's shape,
which the plan fixes.
"""

from collections.abc import Sequence
from typing import Any

from regression.cache import Output
from regression.errors import ModelError
from regression.models import Encoder
from regression.suites import GenerateItem


def run_replies(
    model: Any, encoder: Encoder, batch: Sequence[tuple[GenerateItem, Sequence[int]]], *, sharing: bool
) -> list[Output]:
    """Return each item's reply.

    Args:
        model: a causal language model with a key-value cache.
        encoder: its tokenizer.
        batch: items with the token ids of their conversations.
        sharing: whether the cache of a common beginning may be copied to every row.

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
            best = answer.logits[:, -1].float().max(-1)
            if not best.values[sorted(live)].isfinite().all():
                raise ModelError("the model answers with numbers that are not finite.", hint="Check its weights.")
            for n in sorted(live):
                token = int(best.indices[n])
                written[n] += 1
                if token in encoder.eos:
                    live.discard(n)
                    continue
                replies[n].append(token)
                item = batch[n][0]
                if len(replies[n]) >= item.max_new_tokens or item.judge.decided(encoder.text(replies[n])):
                    live.discard(n)
            ids = best.indices[:, None]
            mask = torch.cat([mask, one], dim=1)
            places = places[:, -1:] + 1
    return [
        Output(text=encoder.text(replies[n]).strip(), read=len(prompt), written=written[n])
        for n, (_, prompt) in enumerate(batch)
    ]


def _common(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many first tokens all prompts share, leaving each at least one of its own."""
    least = min(map(len, prompts)) - 1
    for n in range(least):
        if any(prompt[n] != prompts[0][n] for prompt in prompts):
            return n
    return max(0, least)
