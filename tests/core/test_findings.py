"""Reports survive being stored, and say plainly when they were not made by this program."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.core.errors import InputError
from gatekeeper.core.findings import Attachment, Finding, GateReport, Metric, Severity, Status, report_from_plain

numbers = st.floats(allow_nan=False)
texts = st.text(max_size=20)
reports = st.builds(
    GateReport,
    gate=texts,
    version=st.integers(1, 9),
    status=st.sampled_from(Status),
    note=texts,
    metrics=st.lists(
        st.builds(Metric, name=texts, value=numbers, unit=texts, n=st.integers(0, 9), low=st.none() | numbers),
        max_size=3,
    ).map(tuple),
    findings=st.lists(
        st.builds(
            Finding,
            code=texts,
            severity=st.sampled_from(Severity),
            confidence=st.floats(0, 1),
            subject=texts,
            message=texts,
        ),
        max_size=3,
    ).map(tuple),
    attachments=st.lists(st.builds(Attachment, name=texts, sha256=texts, size=st.integers(0, 9)), max_size=2).map(
        tuple
    ),
)


@given(reports)
def test_a_report_reads_back_as_it_was_written(report):
    assert report_from_plain(report.to_plain()) == report


@given(reports)
def test_reading_back_keeps_the_digest(report):
    assert report_from_plain(report.to_plain()).digest == report.digest


def test_a_metric_that_is_not_a_number_stays_one_when_stored():
    report = GateReport(
        gate="a/b",
        version=1,
        status=Status.MEASURED,
        metrics=(Metric(name="x", value=math.nan, unit="share", n=0),),
    )

    assert math.isnan(report_from_plain(report.to_plain()).metrics[0].value)


@pytest.mark.parametrize("value", [None, [], {}, {"gate": "a"}, "text"])
def test_anything_else_is_no_report(value):
    with pytest.raises(InputError, match="does not have the shape"):
        report_from_plain(value)


def test_a_report_finds_its_metric_by_name_or_says_none():
    report = GateReport(
        gate="a/b", version=1, status=Status.MEASURED, metrics=(Metric(name="x", value=1.0, unit="rows", n=1),)
    )

    assert report.metric("x").value == 1.0
    assert report.metric("y") is None
