"""DBOS: which steps of a run are done, remembered in a database of its own beside the application's.

A run is a workflow whose id is the run's, a gate one step. The result itself is in the application database, in the
transaction of its ledger entry; DBOS keeps its digest, so that a run that goes on knows what it must find there.

Every worker listens to a queue of its own. That way the worker which holds a run is the one that executes it: DBOS as
a library knows no leases, and would give a resumed workflow to whichever worker asks first.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from gatekeeper.core.errors import StoreError
from gatekeeper.pipeline.collect import GateRun
from gatekeeper.runtime.carrier import Carrier

VERSION = "1"
"""Raised whenever the steps of a run change their names or their order: DBOS resumes only what is of one version."""

_POLL = 0.25
_OVER = frozenset({"SUCCESS", "ERROR"})
_CARRIERS: dict[str, Carrier] = {}


@DBOS.workflow(name="gatekeeper.evaluate")
def _evaluate(run_id: str, attempt: int) -> str:
    del attempt  # of the first worker; who has the run now is in the queue's row
    carrier = _CARRIERS[run_id]
    carrier.carry(_step)
    return run_id


def _step(name: str, work: Callable[[], GateRun]) -> None:
    known: list[str] = []

    def do() -> str:
        known.append(work().report.digest)
        return known[-1]

    digest = DBOS.run_step({"name": name}, do)
    if known and known != [digest]:
        raise StoreError(f"The step {name} was done twice with two results.", hint="Evaluate the update again.")


@contextmanager
def launched(url: str, worker: str) -> Iterator[Callable[[Carrier], None]]:
    """Give what starts, or resumes, the run of a carrier in a thread of this process.

    Args:
        url: of DBOS's own database, ``sqlite:///…`` or ``postgresql+psycopg://…``.
        worker: a name no other process has.
    """
    config = DBOSConfig(
        name="gatekeeper",
        system_database_url=url,
        executor_id=worker,
        application_version=VERSION,
        # JSON: what comes out of a database must not be able to run code.
        serializer=DBOSPortableJSONSerializer(),
        log_level="ERROR",
        enable_otlp=False,
    )
    own = f"worker-{worker}"
    DBOS(config=config)
    logging.getLogger("dbos").setLevel(logging.ERROR)
    DBOS.listen_queues([own])
    DBOS.launch()
    try:
        DBOS.register_queue(own, polling_interval_sec=_POLL)
        yield lambda carrier: _start(own, carrier)
    finally:
        DBOS.delete_queue(own)
        DBOS.destroy(workflow_completion_timeout_sec=0)


def _start(own: str, carrier: Carrier) -> None:
    _CARRIERS[carrier.run_id] = carrier
    status = DBOS.get_workflow_status(carrier.run_id)
    if status is not None and status.status not in _OVER:
        DBOS.resume_workflow(carrier.run_id, queue_name=own)
        return
    # A workflow that is over while its run is not was restored from an older copy. Its steps are asked for anew, and
    # each finds the report that the application's database holds.
    name = carrier.run_id if status is None else f"{carrier.run_id}-{carrier.attempt}"
    with SetWorkflowID(name):
        DBOS.enqueue_workflow(own, _evaluate, carrier.run_id, carrier.attempt)
