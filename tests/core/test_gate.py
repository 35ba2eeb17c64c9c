"""A gate is a plain value: declaring it changes nothing, and it says what it asks without running."""

from dataclasses import dataclass

import pytest

from gatekeeper.core.findings import Status
from gatekeeper.core.gate import Family, NoParams, Resources, gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    level: float = 0.05


def test_a_declared_gate_knows_its_family_and_question():
    declared = gate("data/thing", asks="Is it a thing?", params=Params)(lambda context, params: None)

    assert (declared.family, declared.asks, declared.version) == (Family.DATA, "Is it a thing?", 1)


def test_a_gate_of_no_family_cannot_be_declared():
    with pytest.raises(ValueError, match="colour"):
        gate("colour/red", asks="?", params=NoParams)(lambda context, params: None)


def test_a_gate_runs_with_its_default_parameters_unless_told():
    declared = gate("data/thing", asks="?", params=Params)(lambda context, params: params.level)

    assert declared(None) == 0.05
    assert declared(None, Params(level=0.1)) == 0.1


def test_reports_carry_the_gate_and_their_status():
    declared = gate("data/thing", asks="?", params=NoParams, version=3)(lambda context, params: None)

    assert declared.measured().status is Status.MEASURED
    assert declared.unmeasured("too few rows").note == "too few rows"
    assert (declared.errored("broke").status, declared.errored("broke").version) == (Status.ERRORED, 3)


def test_a_missing_resource_is_our_own_mistake():
    with pytest.raises(RuntimeError, match="provides no str"):
        Resources({int: 3}).get(str)


def test_a_resource_is_found_by_its_type():
    assert Resources({str: "shared"}).get(str) == "shared"
