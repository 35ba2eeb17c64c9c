import json

import pytest

from gatekeeper.core.findings import Status
from gatekeeper.gates.data.pii import data_pii
from gatekeeper.gates.data.poison import data_poison
from gatekeeper.gates.data.schema import data_schema
from gatekeeper.gates.data.secrets import data_secrets

HOSTILE = [
    pytest.param("\ud800 Margaret Ellison \udc00 runa@kestrelpost.org", id="halves of surrogate pairs"),
    pytest.param("\x00\x02\x03\x04 \x02", id="control characters"),
    pytest.param("", id="nothing"),
    pytest.param("." * 20_000 + "!" * 20_000, id="only full stops"),
    pytest.param("1 " * 20_000, id="endless digits"),
    pytest.param("1." * 10_000, id="endless digits with full stops"),
    pytest.param("a@" * 10_000, id="endless at signs"),
    pytest.param("-----BEGIN PRIVATE KEY-----" * 400, id="keys that never end"),
    pytest.param("\U0001f469\u200d\U0001f680 \u05d0\u05d1\u05d2 \u0e44\u0e17\u0e22", id="other scripts"),
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("gate", [data_schema, data_pii, data_secrets, data_poison], ids=lambda gate: gate.id)
def test_no_text_breaks_a_gate_and_its_report_can_be_stored(make, tmp_path, gate, text):
    rows = [make.instruction_row(n, f"What is {n}? {text}", text) for n in range(24)]

    report = gate(make.context_with(rows, tmp_path))

    assert report.status is Status.MEASURED
    assert report.digest
    json.dumps(report.to_plain(), allow_nan=False).encode("utf-8")
