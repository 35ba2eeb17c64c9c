"""Log-likelihoods of choices and texts, the output layer evaluated only where something is scored."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Final

from regression.cache import Output
from regression.errors import ModelError
from regression.header import Header
from regression.output_layer import chunk, norms, only_at
from regression.rows import Row, Unit, attention_mask, in_turns
from regression.suites import Item, TextItem
from regression.trunks import Trunk

BRANCHING: Final = ("llama", "qwen2", "qwen3")
"""Architectures whose attention takes any mask: branched and separate rows are tested to agree."""
TOP: Final = 64
"""Log-probabilities kept at each position of a text."""
MOST: Final = 2048
"""Padded tokens run at once, unless the caller says otherwise."""


def run_units(
    model: Any,
    items: Sequence[Item],
    units: Sequence[Unit],
    *,
    header: Header | None = None,
    most: int = MOST,
    trunk: Trunk | None = None,
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
        trunk: where inputs of later layers are kept for models that are equal below them.

    Raises:
        ModelError: a log-probability is not finite.
    """
    import torch

    texts = isinstance(items[units[0].members[0]], TextItem)
    parts = in_turns([row for unit in units for row in unit.rows], most)
    top = TOP if texts else 0
    ran = [_log_probabilities(model, part, n, header=header, top=top, trunk=trunk) for n, part in enumerate(parts)]
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
    model: Any, rows: Sequence[Row], part: int, *, header: Header | None, top: int, trunk: Trunk | None
) -> tuple[list[Any], list[Any], list[bytes]]:
    """Run the rows once.

    Returns:
        Per row a float32 tensor with the log-probability of each target, in nats; a bool tensor that says which
        targets are the likeliest at their places; and, if asked, the packed largest log-probabilities at each of its
        targets (see ``regression.drift``).

    Raises:
        ModelError: a log-probability is not finite.
    """
    import numpy as np
    import torch

    from regression.topk import pack

    device = model.device
    # Padding stands on the right, where causal attention never looks; only branches and a header need a mask.
    branched = header is not None or not all(row.plain for row in rows)
    width = max(len(row.tokens) for row in rows)
    ids = np.zeros((len(rows), width), dtype=np.int64)
    places = np.zeros((len(rows), width), dtype=np.int64)
    for n, row in enumerate(rows):
        ids[n, : len(row.tokens)] = row.tokens
        places[n, : len(row.tokens)] = row.places
    mask = None
    if branched:
        mask = attention_mask(rows, header=header.length if header else 0, width=width).to(device)
    targets = [(n * width + index, token) for n, row in enumerate(rows) for index, token, *_ in row.targets]
    spots, order = np.unique([spot for spot, _ in targets], return_inverse=True)
    wanted = torch.from_numpy(order).to(device)
    tokens = torch.tensor([token for _, token in targets], device=device)
    whole = {"input_ids": torch.from_numpy(ids).to(device)}
    grown = trunk.grown(model, part, ids.shape) if trunk is not None else nullcontext()
    with torch.inference_mode(), only_at(model, np.divmod(spots, width), wanted, tokens), grown as given:
        logits = model(
            **(given or whole),
            position_ids=torch.from_numpy(places).to(device) if branched else None,
            attention_mask=mask,
            past_key_values=header.continued() if header else None,
            use_cache=False,
        ).logits[0]
        sums, likeliest = norms(logits)
        if not sums.isfinite().all():
            raise ModelError("the model answers with numbers that are not finite.", hint="Check its weights.")
        values = (logits[wanted, tokens].float() - sums[wanted]).cpu()
        if not values.isfinite().all():
            raise ModelError("the model gives a text no finite likelihood.", hint="Check its weights and tokenizer.")
        best_there = (likeliest[wanted] == tokens).cpu()
        sizes = [len(row.targets) for row in rows]
        packed: list[bytes] = []
        if top:
            best = [block.topk(min(top, block.shape[-1]), dim=-1) for block in logits.split(chunk(device))]
            indices = torch.cat([block.indices for block in best]).int().cpu()
            logs = (torch.cat([block.values for block in best]).float() - sums[:, None]).cpu()
            # Every target of a text has its own spot, in order, so a row's places are contiguous.
            for own, own_logs in zip(indices.split(sizes), logs.split(sizes), strict=True):
                packed.append(pack(own.numpy(), own_logs.numpy()))
    return list(values.split(sizes)), list(best_there.split(sizes)), packed
