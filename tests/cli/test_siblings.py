"""The packages that ship together are the ones that run, whatever folder the command was started in."""

import subprocess
import sys
from pathlib import Path

import pytest

from gatekeeper.cli.main import SIBLINGS, require_own_siblings
from gatekeeper.core.errors import UsageError

HOME = Path(__file__).resolve().parents[2]


def test_every_package_beside_gatekeeper_is_a_named_sibling():
    packages = {path.parent.name for path in HOME.glob("*/__init__.py")}

    assert packages == {"gatekeeper", *SIBLINGS}


def test_siblings_from_elsewhere_are_refused(tmp_path):
    with pytest.raises(UsageError, match="not the one that belongs to Gatekeeper"):
        require_own_siblings(tmp_path)


def test_a_decoy_folder_is_never_run(tmp_path):
    decoy = tmp_path / "api"
    decoy.mkdir()
    (decoy / "__init__.py").write_text("print('DECOY RAN')\n", encoding="utf-8")

    ended = subprocess.run(
        [sys.executable, "-m", "gatekeeper", "status"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 64
    assert "DECOY RAN" not in ended.stdout + ended.stderr
    assert "belongs to Gatekeeper" in ended.stderr
