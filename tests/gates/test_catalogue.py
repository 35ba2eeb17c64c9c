import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from gatekeeper.core.findings import GateReport
from gatekeeper.core.gate import FAMILIES, Family, Gate, GateContext, NoParams, gate
from gatekeeper.gates import catalogue
from gatekeeper.gates.catalogue import CatalogueError, catalogue_of, discover, gates_in

DOCS = Path(__file__).parents[2] / "docs" / "gates.md"


def _gate(id_: str) -> Gate[NoParams]:
    @gate(id_, asks="Is it so?", params=NoParams)
    def made(context: GateContext, params: NoParams) -> GateReport:
        return made.unmeasured("a stand-in")

    return made


def _documented() -> dict[str, str]:
    rows = re.findall(r"^\| `([a-z]+/[a-z_]+)` \| (.*?) \|", DOCS.read_text(), flags=re.MULTILINE)
    return dict(rows)


def test_every_gate_has_one_row_in_the_docs_that_asks_the_same_question():
    gates = discover()

    assert _documented() == {id_: found.asks for id_, found in gates.items()}


def test_gates_come_in_the_running_order_of_their_families():
    families = [FAMILIES.index(found.family) for found in discover().values()]

    assert families == sorted(families)


def test_every_question_is_a_sentence_with_a_question_mark():
    assert all(found.asks[0].isupper() and found.asks.endswith("?") for found in discover().values())


def test_discovering_twice_gives_the_same_catalogue():
    assert dict(discover()) == dict(discover())


def test_discovery_imports_no_heavy_library():
    script = (
        "import sys; from gatekeeper.gates.catalogue import discover; discover();"
        "print([m for m in ('torch','transformers','peft','mlflow','presidio_analyzer','great_expectations','spacy')"
        " if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # our own code

    assert done.stdout.strip() == "[]", done.stderr


def test_two_gates_with_one_id_are_an_error_that_names_both_places():
    with pytest.raises(CatalogueError, match=r"one in here, one in there"):
        catalogue_of([("here", _gate("data/twice")), ("there", _gate("data/twice"))])


def test_one_gate_seen_from_two_modules_counts_once():
    same = _gate("data/once")

    assert list(catalogue_of([("here", same), ("there", same)])) == ["data/once"]


def test_a_gate_outside_its_family_is_an_error():
    module = ModuleType("gatekeeper.gates.data.stray")
    module.stray = _gate("weights/stray")

    with pytest.raises(CatalogueError, match="weights/stray lies in"):
        list(gates_in(module, Family.DATA))


def test_an_entry_point_that_is_no_gate_is_an_error():
    point = EntryPoint(name="theirs", value="json:dumps", group=catalogue.GROUP)

    with pytest.raises(CatalogueError, match="There is no gate at the entry point theirs"):
        list(catalogue._foreign([point]))


def test_an_entry_point_that_does_not_import_is_an_error_and_no_traceback():
    point = EntryPoint(name="theirs", value="no_such_module_at_all:gate", group=catalogue.GROUP)

    with pytest.raises(CatalogueError, match="cannot be imported"):
        list(catalogue._foreign([point]))


def test_an_entry_point_brings_its_gate():
    point = EntryPoint(name="format", value="gatekeeper.gates.artifact.format:artifact_format", group=catalogue.GROUP)

    [(_, found)] = catalogue._foreign([point])

    assert found.id == "artifact/format"
