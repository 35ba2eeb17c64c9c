"""Where a gate's work over rows is done."""

from collections.abc import Iterator
from typing import Any

from gatekeeper.core.gate import GateContext
from gatekeeper.core.row_work import RowExecutor, RowTask
from gatekeeper.gates.data.spreading.parcels import Array, opened
from gatekeeper.gates.data.spreading.processes import LocalProcesses


def given(context: GateContext) -> RowExecutor | None:
    """Return who works, where the run says it."""
    # An abstract class is what is looked up, never made.
    return context.resources.find(RowExecutor)  # type: ignore[type-abstract]


def parcels(context: GateContext, task: RowTask, *, processes: int = 0) -> Iterator[tuple[Any, list[Array]]]:
    """Yield head and arrays of each chunk's result, in order.

    Args:
        context: gives the rows, and who works where the run has an opinion.
        task: what is done.
        processes: of this machine, where the run has none; 0 for one a core.
    """
    executor = given(context) or LocalProcesses(processes)
    if context.rows is not None:
        for data in executor.map(context.rows, task, context.workdir):
            yield opened(data)
