"""Log-likelihoods of choices and texts, the output layer evaluated only where something is scored.

A choice item is one row: its prompt once, then every choice but its last token as a branch that sees the prompt and
itself. Architectures whose attention is not known to follow such a mask get one row per choice instead. Which rows
run together depends on their lengths alone, never on free memory, so that two models with one tokenizer run the same
shapes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from regression.cache import Output
from regression.errors import ModelError
from regression.models import Encoder
from regression.suites import ChoiceItem, ClozeItem, PhrasesItem, TextItem

BRANCHING: Final = ("llama", "qwen2", "qwen3")
"""Architectures whose attention takes any mask: branched and separate rows are tested to agree."""
TOP: Final = 64
"""Log-probabilities kept at each position of a text."""
WINDOW: Final = 1024
"""Longer texts are read in windows of so many tokens, each on its own."""
CHUNK: Final = 64
"""Positions normalised at once."""
REFINED: Final = 96
"""Largest logits computed again in float32 at each place, besides the scored tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sequence to run."""

    tokens: tuple[int, ...]
    branches: tuple[int, ...]
    """Per token: 0 for the stem, else the number of its branch."""
    places: tuple[int, ...]
    """Per token: its position id."""
    targets: tuple[tuple[int, int, int], ...]
    """(index of the token that predicts, token predicted, which number of the output it adds to)."""


Scored: TypeAlias = ChoiceItem | ClozeItem | PhrasesItem
"""Items with texts to score after a prompt."""


def choice_rows(item: Scored, encoder: Encoder, *, branching: bool) -> tuple[Row, ...]:
    """Return the rows of one choice item.

    The stem is what prompt and every prompt-with-choice have in common as tokens, so that a tokenizer that merges
    across the boundary still scores the same text.

    Raises:
        ModelError: the tokenizer leaves nothing to predict from, or nothing to predict.
    """
    wholes = [[*encoder.prefix, *encoder.ids(item.prompt + choice)] for choice in item.choices]
    prompt = [*encoder.prefix, *encoder.ids(item.prompt)]
    shared = 0
    while shared < len(prompt) and all(len(w) > shared and w[shared] == prompt[shared] for w in wholes):
        shared += 1
    if shared == 0 or any(len(whole) <= shared for whole in wholes):
        raise ModelError(
            f"the tokenizer gives nothing to score for item {item.id!r}.",
            hint="Check the tokenizer against the suite's language.",
        )
    stem = prompt[:shared]
    endings = [whole[shared:] for whole in wholes]
    if not branching:
        return tuple(
            Row(
                tokens=(*stem, *ending[:-1]),
                branches=(0,) * (shared + len(ending) - 1),
                places=tuple(range(shared + len(ending) - 1)),
                targets=tuple((shared - 1 + n, token, k) for n, token in enumerate(ending)),
            )
            for k, ending in enumerate(endings)
        )
    tokens, branches, places = list(stem), [0] * shared, list(range(shared))
    targets: list[tuple[int, int, int]] = []
    for k, ending in enumerate(endings):
        start = len(tokens)
        targets.append((shared - 1, ending[0], k))
        targets += [(start + n, token, k) for n, token in enumerate(ending[1:])]
        tokens += ending[:-1]
        branches += [k + 1] * (len(ending) - 1)
        places += range(shared, shared + len(ending) - 1)
    return (Row(tokens=tuple(tokens), branches=tuple(branches), places=tuple(places), targets=tuple(targets)),)


def text_rows(item: TextItem, encoder: Encoder, *, window: int = WINDOW) -> tuple[Row, ...]:
    """Return the rows of one text; the first token of a window counts only after a begin token.

    Raises:
        ModelError: fewer than two tokens.
    """
    ids = encoder.ids(item.text)
    step = window - len(encoder.prefix)
    rows = []
    for start in range(0, len(ids), step):
        part = [*encoder.prefix, *ids[start : start + step]]
        if len(part) < 2:
            continue
        rows.append(
            Row(
                tokens=tuple(part[:-1]),
                branches=(0,) * (len(part) - 1),
                places=tuple(range(len(part) - 1)),
                targets=tuple((n, token, 0) for n, token in enumerate(part[1:])),
            )
        )
    if not rows:
        raise ModelError(f"the tokenizer gives nothing to score for item {item.id!r}.")
    return tuple(rows)


def rolling_rows(item: TextItem, encoder: Encoder, *, window: int) -> tuple[Row, ...]:
    """Return the rows of one text, every token of which counts: the first is predicted from the begin token.

    Later windows begin with the token before them, and the last one reaches back as far as the window is long.

    Raises:
        ModelError: nothing to score, or a tokenizer without begin and end token.

    Source:
        ``get_rolling_token_windows`` of lm-evaluation-harness 0.4.13 with one token of context.
    """
    begin = encoder.tokenizer.bos_token_id
    begin = encoder.tokenizer.eos_token_id if begin is None else begin
    ids = encoder.ids(item.text)
    if begin is None or not ids:
        raise ModelError(f"the tokenizer gives nothing to score for item {item.id!r}.")
    whole = [begin, *ids]
    rows = []
    for done in range(0, len(ids), window):
        end = min(done + window, len(ids))
        start = max(0, end - window)
        part = whole[start:end]
        rows.append(
            Row(
                tokens=tuple(part),
                branches=(0,) * len(part),
                places=tuple(range(len(part))),
                targets=tuple((n - start, whole[n + 1], 0) for n in range(done, end)),
            )
        )
    return tuple(rows)


def plan(lengths: Sequence[int], budget: int) -> tuple[tuple[int, ...], ...]:
    """Group indices into batches: shortest first, padded size at most ``budget`` tokens, ties in given order.

    A single sequence over the budget is a batch of its own. The result depends on the arguments alone.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda n: (lengths[n], n)):
        if batches and (len(batches[-1]) + 1) * lengths[index] <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return tuple(map(tuple, batches))


def run_choices(model: Any, batch: Sequence[tuple[Scored, tuple[Row, ...]]]) -> list[Output]:
    """Return each item's log-likelihood per choice, in nats, summed over the choice's tokens."""
    import torch

    rows = [row for _, own in batch for row in own]
    found, likeliest, _ = _log_probabilities(model, rows, top=0)
    outputs = []
    start = 0
    for item, own in batch:
        sums = torch.zeros(len(item.choices), dtype=torch.float64)
        counts = torch.zeros(len(item.choices), dtype=torch.long)
        greedy = torch.ones(len(item.choices), dtype=torch.bool)
        part = slice(start, start + len(own))
        for row, values, best in zip(own, found[part], likeliest[part], strict=True):
            places = torch.tensor([k for _, _, k in row.targets])
            sums.index_add_(0, places, values.double())
            counts += places.bincount(minlength=len(item.choices))
            greedy[places[~best]] = False
        start += len(own)
        # What no row scores is left out on purpose: it adds nothing to any sum of probabilities.
        sums[counts == 0] = -torch.inf
        greedy[counts == 0] = False
        outputs.append(
            Output(
                numbers=tuple(sums.tolist()),
                counts=tuple(counts.tolist()),
                greedy=tuple(greedy.tolist()),
                read=sum(len(row.tokens) for row in own),
            )
        )
    return outputs


def run_texts(model: Any, batch: Sequence[tuple[TextItem, tuple[Row, ...]]]) -> list[Output]:
    """Return each text's log-likelihood in nats, with the largest log-probabilities of every position."""
    rows = [row for _, own in batch for row in own]
    found, _, tops = _log_probabilities(model, rows, top=TOP)
    outputs = []
    start = 0
    for _, own in batch:
        part = slice(start, start + len(own))
        start += len(own)
        outputs.append(
            Output(
                numbers=(sum(values.double().sum().item() for values in found[part]),),
                read=sum(len(row.tokens) for row in own),
                written=sum(len(row.targets) for row in own),
                top=b"".join(tops[part]),
            )
        )
    return outputs


def _log_probabilities(model: Any, rows: Sequence[Row], *, top: int) -> tuple[list[Any], list[Any], list[bytes]]:
    """Run the rows once.

    Returns:
        Per row a float32 tensor with the log-probability of each target, in nats; a bool tensor that says which
        targets are the likeliest at their places; and, if asked, the packed largest log-probabilities at each of its
        targets (see ``regression.drift``).

    Raises:
        ModelError: a log-probability is not finite.
    """
    import torch

    from regression.topk import pack

    device = model.device
    width = max(len(row.tokens) for row in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    places = torch.zeros((len(rows), width), dtype=torch.long)
    for n, row in enumerate(rows):
        ids[n, : len(row.tokens)] = torch.tensor(row.tokens)
        places[n, : len(row.tokens)] = torch.tensor(row.places)
    # Padding stands on the right, where causal attention never looks; only branches need a mask.
    mask = _mask(rows, width).to(device) if any(any(row.branches) for row in rows) else None
    spots = sorted({(n, index) for n, row in enumerate(rows) for index, _, _ in row.targets})
    where = {spot: k for k, spot in enumerate(spots)}
    wanted = torch.tensor(
        [where[n, index] for n, row in enumerate(rows) for index, _, _ in row.targets], device=device
    )
    tokens = torch.tensor([token for row in rows for _, token, _ in row.targets], device=device)
    with torch.inference_mode(), only_at(model, spots, wanted, tokens):
        logits = model(
            input_ids=ids.to(device), position_ids=places.to(device), attention_mask=mask, use_cache=False
        ).logits[0]
        norms, likeliest = _norms(logits)
        if not norms.isfinite().all():
            raise ModelError("the model answers with numbers that are not finite.", hint="Check its weights.")
        values = (logits[wanted, tokens].float() - norms[wanted]).cpu()
        if not values.isfinite().all():
            raise ModelError("the model gives a text no finite likelihood.", hint="Check its weights and tokenizer.")
        best_there = (likeliest[wanted] == tokens).cpu()
        sizes = [len(row.targets) for row in rows]
        packed: list[bytes] = []
        if top:
            best = [block.topk(min(top, block.shape[-1]), dim=-1) for block in logits.split(CHUNK)]
            indices = torch.cat([block.indices for block in best]).int().cpu()
            logs = (torch.cat([block.values for block in best]).float() - norms[:, None]).cpu()
            # Every target of a text has its own spot, in order, so a row's places are contiguous.
            for own, own_logs in zip(indices.split(sizes), logs.split(sizes), strict=True):
                packed.append(pack(own.numpy(), own_logs.numpy()))
    return list(values.split(sizes)), list(best_there.split(sizes)), packed


def _norms(logits: Any) -> tuple[Any, Any]:
    """Return the log of the summed exponentials of each row, through one buffer that is used again, and its argmax."""
    import torch

    space = torch.empty((CHUNK, logits.shape[-1]), dtype=torch.float32, device=logits.device)
    norms, likeliest = [], []
    for block in logits.split(CHUNK):
        best = block.max(-1, keepdim=True)
        most = best.values.float()
        likeliest.append(best.indices[:, 0])
        shifted = torch.sub(block, most, out=space[: len(block)])
        norms.append(shifted.exp_().sum(-1).log() + most[:, 0])
    return torch.cat(norms), torch.cat(likeliest)


def _mask(rows: Sequence[Row], width: int) -> Any:
    """Bool (rows, 1, width, width): a token sees what stands before it on its own branch or on the stem."""
    import torch

    branches = torch.full((len(rows), width), -1)
    for n, row in enumerate(rows):
        branches[n, : len(row.branches)] = torch.tensor(row.branches)
    queries, keys = branches[:, :, None], branches[:, None, :]
    causal = torch.ones((width, width), dtype=torch.bool).tril()
    return (causal & ((keys == 0) | (keys == queries)))[:, None]


@contextmanager
def only_at(model: Any, spots: Sequence[tuple[int, int]], wanted: Any, tokens: Any) -> Iterator[None]:
    """Let the output layer see only these (row, token) places; its result is (1, places, vocabulary), float32.

    Rounded to bfloat16, a logit of 20 moves in steps of an eighth, and close choices tie. So a plain linear layer is
    evaluated in its own dtype and then, for the largest logits and the scored tokens, again in float32. Whatever the
    model does to its logits afterwards (soft caps, scales) still happens.

    Args:
        model: the causal language model.
        spots: (row, token) places, distinct.
        wanted: (targets,), for each target the index of its place.
        tokens: (targets,), its token.
    """
    import torch

    head = model.get_output_embeddings()
    rows, columns = (torch.tensor(side, device=model.device) for side in zip(*spots, strict=True))
    hook = head.register_forward_pre_hook(lambda _, given: (given[0][rows, columns][None],))

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

    refine = type(head) is torch.nn.Linear and head.weight.dtype is not torch.float32
    if refine:
        head.forward = forward
    try:
        yield
    finally:
        hook.remove()
        if refine:
            del head.forward
