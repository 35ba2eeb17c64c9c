"""Every gate there is, found without a list that someone must keep.

Order: the packages of :data:`~gatekeeper.core.gate.FAMILIES` in running order, their modules by name, then the entry
points of the group ``gatekeeper.gates`` by name. Looking changes nothing and registers nothing; the same installation
always gives the same catalogue. Two gates with one id, or a gate outside its family's package, is an error and never
a silent replacement.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType, ModuleType
from typing import Any

from gatekeeper.core.errors import GatekeeperError
from gatekeeper.core.gate import FAMILIES, Family, Gate

GROUP = "gatekeeper.gates"
"""Entry point group of gates from other packages; also the package our own families lie in."""


class CatalogueError(GatekeeperError):
    """An installed gate cannot be listed: two share an id, one lies in the wrong family, or one does not import."""


def discover() -> Mapping[str, Gate[Any]]:
    """Return every gate by id, in running order of the families and by id within each.

    Raises:
        CatalogueError: two gates share an id, a gate lies outside its family, or an entry point is no gate.
    """
    return catalogue_of((*_own(), *_foreign(entry_points(group=GROUP))))


def catalogue_of(found: Iterable[tuple[str, Gate[Any]]]) -> Mapping[str, Gate[Any]]:
    """Return gates by id, from pairs of where each was found and the gate.

    A gate that one module imports from another is the same object, and counts once.

    Raises:
        CatalogueError: two different gates share an id.
    """
    places: dict[str, tuple[str, Gate[Any]]] = {}
    for place, gate in found:
        earlier, first = places.setdefault(gate.id, (place, gate))
        if first is not gate:
            raise CatalogueError(
                f"Two gates are called {gate.id}: one in {earlier}, one in {place}.",
                hint="Rename one, or remove the package that brings it.",
            )
    gates = [gate for _, gate in places.values()]
    gates.sort(key=lambda gate: (FAMILIES.index(gate.family), gate.id))
    return MappingProxyType({gate.id: gate for gate in gates})


def gates_in(module: ModuleType, family: Family) -> Iterator[tuple[str, Gate[Any]]]:
    """Yield the gates among a module's names.

    Raises:
        CatalogueError: one of them belongs to another family.
    """
    for name in sorted(vars(module)):
        value = vars(module)[name]
        if not isinstance(value, Gate):
            continue
        if value.family is not family:
            raise CatalogueError(
                f"The gate {value.id} lies in {module.__name__}, among the gates of {family.value}.",
                hint="Move it to its family's package or correct its id.",
            )
        yield module.__name__, value


def _own() -> Iterator[tuple[str, Gate[Any]]]:
    for family in FAMILIES:
        package = importlib.import_module(f"{GROUP}.{family.value}")
        for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
            yield from gates_in(importlib.import_module(f"{package.__name__}.{name}"), family)


def _foreign(points: Iterable[EntryPoint]) -> Iterator[tuple[str, Gate[Any]]]:
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        place = f"the entry point {point.name} = {point.value}"
        try:
            value = point.load()
        except Exception as error:  # anything may go wrong in a stranger's module
            raise CatalogueError(
                f"A gate cannot be imported from {place}: {error}.", hint="Correct or remove the package."
            ) from error
        if not isinstance(value, Gate):
            raise CatalogueError(f"There is no gate at {place}.", hint="Point it to a function under @gate.")
        yield place, value
