import pytest
from regenerate import FOLDER, GOLDENS
from run_example import example

from audits.reports import FORMATS


@pytest.mark.parametrize("kind", sorted(GOLDENS))
def test_a_report_looks_as_it_did_when_somebody_last_read_it(kind):
    golden = (FOLDER / GOLDENS[kind]).read_bytes()

    assert FORMATS[kind](example()).encode() == golden, (
        "run tests/audits/reports/regenerate.py and read the difference"
    )


def test_every_format_has_a_golden():
    assert set(GOLDENS) == set(FORMATS)
