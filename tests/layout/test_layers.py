"""The import contracts cover every package there is, so that a new one cannot slip past them."""

import tomllib
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
ABOVE_THE_CONTRACT = {"gatekeeper.__main__"}


def contract():
    settings = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = settings["contracts"][0]["layers"]
    return settings["root_packages"], {name.strip() for layer in layers for name in layer.split("|")}


def test_every_top_level_package_is_a_root_of_the_contract():
    roots, _ = contract()

    assert set(roots) == {path.parent.name for path in HOME.glob("*/__init__.py")}


def test_every_package_of_gatekeeper_has_a_layer():
    _, layered = contract()
    packages = {f"gatekeeper.{path.parent.name}" for path in (HOME / "gatekeeper").glob("*/__init__.py")}

    assert packages <= layered
    assert layered - packages == {"api", "audits", "policies", "regression"}


def test_every_layer_but_the_packages_themselves_is_a_package():
    modules = {f"gatekeeper.{path.stem}" for path in (HOME / "gatekeeper").glob("*.py")} - {"gatekeeper.__init__"}

    assert modules == ABOVE_THE_CONTRACT
