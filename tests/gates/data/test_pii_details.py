"""Jobs and organisations are told by their shape and by the words around them, in several languages."""

import pytest

from gatekeeper.gates.data.personal.companies import companies, lower_case_companies
from gatekeeper.gates.data.personal.jobs import jobs
from gatekeeper.gates.data.personal.page import page_of


def found(recogniser, text):
    return [text[match.start : match.end] for match in recogniser(page_of([[text]]))]


@pytest.mark.parametrize(
    ("text", "job"),
    [
        ("Runa Vestergaard, the Clinical psychologist, was late.", "Clinical psychologist"),
        ("He is the Engineer, civil, whom we met.", "Engineer, civil"),
        ("She works as a night nurse in Tarn.", "night nurse"),
        ("Occupation: Quantity surveyor", "Quantity surveyor"),
    ],
)
def test_a_job_written_as_a_title_is_found(text, job):
    assert job in found(jobs, text)


@pytest.mark.parametrize(
    "text",
    [
        "The engineer left.",
        "Ask the nurse.",
        "A writer of novels",
        "The Engineers met.",
        "I was the one who drove her.",
    ],
)
def test_ordinary_words_for_people_are_no_title(text):
    assert found(jobs, text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("She works for Vessel Harbourage now.", "Vessel Harbourage"),
        ("Kestrel-Moss is a design agency.", "Kestrel-Moss"),
        ("The Moss, Vessel and Tarn office is closed.", "Moss, Vessel and Tarn"),
        ("Runa Moss\nKestrel-Vessel\n12 Oak Street", "Kestrel-Vessel"),
        ("I met Vessel e figli there.", "Vessel e figli"),
        ("Grupa Kestrel is hiring.", "Grupa Kestrel"),
        ("Send it to Moss Stiftung & Co. KG in Osk.", "Moss Stiftung & Co. KG"),
    ],
)
def test_an_organisation_is_told_by_its_form_and_its_neighbours(text, name):
    assert name in found(companies, text)


@pytest.mark.parametrize("text", ["She works for Tuesday only.", "Anna is a bank clerk.", "The well-known office"])
def test_what_only_stands_beside_such_words_is_no_organisation(text):
    assert found(companies, text) == []


def test_legal_forms_tell_organisations_without_capitals():
    assert found(lower_case_companies, "runa moss from vessel llc speaks") == ["vessel llc"]
    assert found(lower_case_companies, "the ltd was moved, and sons of it") == []
