"""The gradients of an update's rows under the champion, beside those of accepted rows."""

from collections.abc import Collection
from itertools import islice
from pathlib import Path

from gatekeeper.core.findings import Metric
from gatekeeper.core.gate import GateContext
from gatekeeper.gates.data.content.density import Settings, find_dense
from gatekeeper.gates.data.content.flags import Flag
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.intake.rows import open_rows

_HELD = 20_000
"""Most rows of each side that are held to draw from."""


def compared_by_gradient(
    context: GateContext, budget: int, accepted: str, suspects: Collection[int]
) -> tuple[list[Flag], tuple[Metric, ...]]:
    """Return the flagged rows and the metrics.

    Without a champion, accepted rows or enough rows there are no metrics, so that a limit on them fails.

    Args:
        context: of the gate; lends the champion.
        budget: most rows that are sketched.
        accepted: file of accepted rows; empty for none.
        suspects: places of rows that are looked at first.

    Raises:
        InputError: the accepted rows cannot be read, or the model's output layer cannot be sketched.
    """
    if context.champion is None or context.rows is None or not accepted:
        return [], ()
    from regression import ModelRef, Session

    session = context.resources.get(Session)
    model, tokenizer = session.lend(ModelRef(base=context.champion.model_path, adapter=context.champion.adapter_path))
    context.progress.start("poison: gradients", None)
    found = find_dense(
        list(islice(iter(context.rows), _HELD)),
        Settings(rows=budget),
        model=model,
        tokenizer=tokenizer,
        history=list(islice(iter(open_rows(Path(accepted))), _HELD)),
        suspects=[place for place in suspects if place < _HELD],
        seed=context.seed,
    )
    looked = len(found.measured)
    if not looked:
        return [], ()
    return list(found.flags), (
        count("gradient_rows", looked, n=looked),
        share("dense_gradient_share", len(found.flags), n=looked),
    )
