"""Log-likelihoods of choices and texts, the output layer evaluated only where something is scored."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from regression.cache import Output
from regression.errors import ModelError
from regression.header import Header
from regression.rows import Row, Unit, attention_mask, in_turns
from regression.suites import Item, TextItem

BRANCHING: Final = ("llama", "qwen2", "qwen3")
"""Architectures whose attention takes any mask: branched and separate rows are tested to agree."""
TOP: Final = 64
"""Log-probabilities kept at each position of a text."""
CHUNK: Final = 64
"""Positions normalised at once."""
MOST: Final = 2048
"""Padded tokens run at once, unless the caller says otherwise."""
REFINED: Final = 96
"""Largest logits computed again in float32 at each place, besides the scored tokens."""


def run_units(
    model: Any, items: Sequence[Item], units: Sequence[Unit], *, header: Header | None = None, most: int = MOST
) -> dict[int, Output]:
    """Run the units' rows once and return each member's output, by its index.

    Choices and phrases: log-likelihoods in nats, summed over the tokens of each; minus infinity for what no row
    scores. Texts: one sum, and the largest log-probabilities of every position.

    Args:
        model: the causal language model.
        items: the suite's items; all members are of one kind.
        units: what to run together.
        header: keys and values of what every row continues from.
        most: padded tokens to run at once; only a single long text ever holds more.

    Raises:
        ModelError: a log-probability is not finite.
    """
    import torch

    texts = isinstance(items[units[0].members[0]], TextItem)
    parts = in_turns([row for unit in units for row in unit.rows], most)
    ran = [_log_probabilities(model, part, header=header, top=TOP if texts else 0) for part in parts]
    found, likeliest, tops = ([one for values in side for one in values] for side in zip(*ran, strict=True))
    outputs: dict[int, Output] = {}
    start = 0
    for unit in units:
        width = max(1 if texts else len(getattr(items[n], "choices", ())) for n in unit.members)
        cells = len(unit.members) * width
        sums = torch.zeros(cells, dtype=torch.float64)
        counts = torch.zeros(cells, dtype=torch.long)
        greedy = torch.ones(cells, dtype=torch.bool)
        own_rows = slice(start, start + len(unit.rows))
        start += len(unit.rows)
        for row, values, best in zip(unit.rows, found[own_rows], likeliest[own_rows], strict=True):
            places = torch.tensor([member * width + number for _, _, member, number in row.targets])
            sums.index_add_(0, places, values.double())
            counts += places.bincount(minlength=cells)
            greedy[places[~best]] = False
        # What no row scores is left out on purpose: it adds nothing to any sum of probabilities.
        sums[counts == 0] = -torch.inf
        greedy[counts == 0] = False
        for member, (n, read) in enumerate(zip(unit.members, unit.read, strict=True)):
            if texts:
                packed = b"".join(tops[own_rows])
                outputs[n] = Output(numbers=(float(sums[0]),), read=read, written=int(counts[0]), top=packed)
                continue
            own = slice(member * width, member * width + len(getattr(items[n], "choices", ())))
            outputs[n] = Output(
                numbers=tuple(sums[own].tolist()),
                counts=tuple(counts[own].tolist()),
                greedy=tuple(greedy[own].tolist()),
                read=read,
            )
    return outputs


def _log_probabilities(
    model: Any, rows: Sequence[Row], *, header: Header | None, top: int
) -> tuple[list[Any], list[Any], list[bytes]]:
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
    # Padding stands on the right, where causal attention never looks; only branches and a header need a mask.
    mask = None
    if header is not None or not all(row.plain for row in rows):
        mask = attention_mask(rows, header=header.length if header else 0, width=width).to(device)
    spots = sorted({(n, index) for n, row in enumerate(rows) for index, *_ in row.targets})
    where = {spot: k for k, spot in enumerate(spots)}
    wanted = torch.tensor([where[n, index] for n, row in enumerate(rows) for index, *_ in row.targets], device=device)
    tokens = torch.tensor([token for row in rows for _, token, *_ in row.targets], device=device)
    with torch.inference_mode(), only_at(model, spots, wanted, tokens):
        logits = model(
            input_ids=ids.to(device),
            position_ids=places.to(device),
            attention_mask=mask,
            past_key_values=header.continued() if header else None,
            use_cache=False,
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
