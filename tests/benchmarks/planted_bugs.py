"""Does the service's state machine find what it is there for? One check of the program is taken away at a time.

For every planted bug the machine runs until an invariant breaks, or until it has had its examples. What must be found,
and by which invariant, stands beside every bug in ``tests/fakes/planted.py``.

Run with ``python -m tests.benchmarks.planted_bugs [--examples N] [--seed N] [--sweep] [--only NAME,NAME]
[--out FILE]``; ends with 1 when a bug was not found. Without a bug, ``--only none --examples N`` looks for bugs that
nobody planted. With ``--sweep`` the machine walks one fixed way (``tests/fakes/machine_sweep.py``) in place of random
ones, which says within seconds whether a check that is gone is noticed.
"""

import argparse
import json
import logging
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from machine_invariants import ServiceMachine
from machine_promises import Broken, Tally
from machine_sweep import sweep
from planted import PLANTED

NONE = "none"


def swept(plant):
    """Walk the fixed way with one bug; return what was found, or ``None``, and what it went through."""
    with pytest.MonkeyPatch.context() as patch:
        if plant is not None:
            plant(patch)
        Walk = type("Walk", (ServiceMachine,), {"tally": Tally()})  # noqa: N806  # a class
        machine = Walk()
        try:
            sweep(machine)
        except AssertionError as broken:
            return broken, Walk.tally
        finally:
            machine.world.close()
    return None, Walk.tally


def hunted(plant, *, examples, steps, number):
    """Run the machine with one bug; return what was found, or ``None``, and what it went through."""
    with pytest.MonkeyPatch.context() as patch:
        if plant is not None:
            plant(patch)

        @seed(number)
        class Hunt(ServiceMachine):
            tally = Tally()

        try:
            run_state_machine_as_test(
                Hunt,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    database=None,
                    deadline=None,
                    phases=(Phase.generate,),
                    report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        except Broken as broken:
            return broken, Hunt.tally
        except AssertionError as refused:
            return refused, Hunt.tally
    return None, Hunt.tally


def said(found):
    """Return one line about what was found."""
    return "" if found is None else (str(found).splitlines() or [type(found).__name__])[0][:160]


def main():
    """Plant, hunt, and print one line for every bug."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=60)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--only", default=",".join(PLANTED))
    parser.add_argument("--out", type=Path, help="gets a line of JSON for every bug")
    told = parser.parse_args()
    logging.getLogger("gatekeeper").setLevel(logging.CRITICAL)
    missed = 0
    for name in told.only.split(","):
        number, plant = (None, None) if name == NONE else PLANTED[name]
        began = time.monotonic()
        if told.sweep:
            found, tally = swept(plant)
        else:
            found, tally = hunted(plant, examples=told.examples, steps=told.steps, number=told.seed)
        line = {
            "bug": name,
            "breaks": number,
            "found": found is not None,
            "by": getattr(found, "number", None),
            "examples": tally.examples,
            "transitions": tally.transitions,
            "seconds": round(time.monotonic() - began, 1),
            "says": said(found),
        }
        print(json.dumps(line), flush=True)
        if told.out is not None:
            with told.out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
        missed += (found is None) is (plant is not None)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
