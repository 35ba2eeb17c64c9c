import json

import pytest

from gatekeeper.core.findings import Status
from gatekeeper.gates.data.personal.kinds import CLASSES, PiiClass
from gatekeeper.gates.data.personal.structured_pii import structured_pii
from gatekeeper.gates.data.pii import Params, data_pii

FAST = Params(names=False)


@pytest.mark.parametrize(
    ("type_", "before", "value"),
    [
        ("EMAIL_ADDRESS", "Write to ", "runa.thorvald+bills@kestrelpost.org"),
        ("PHONE_NUMBER", "Please call me at ", "(96) 627-277"),
        ("PHONE_NUMBER", "Reach us on ", "+44 20 7946 0958"),
        ("PHONE_NUMBER", "My cell is ", "202-555-0143"),
        ("CREDIT_CARD", "Charge my card ", "4539 1488 0343 6467"),
        ("CREDIT_CARD", "card # ", "378282246310005"),
        ("IBAN_CODE", "Send it to ", "DE89 3704 0044 0532 0130 00"),
        ("US_SSN", "Her number is ", "536-90-4399"),
        ("US_SSN", "My social security number is ", "536904399"),
        ("UK_NINO", "National insurance: ", "AB 12 34 56 C"),
        ("ES_NIF", "DNI ", "54362315K"),
        ("IT_FISCAL_CODE", "Codice fiscale ", "RSSMRA85T10A562S"),
        ("BR_CPF", "CPF ", "390.533.447-05"),
        ("IP_ADDRESS", "The request came from ", "84.17.52.190"),
        ("IP_ADDRESS", "and from ", "2a02:26f0:10:5::1833"),
        ("STREET_ADDRESS", "She lives at ", "1420 Harbour View Road, Apt 7"),
        ("STREET_ADDRESS", "Deliver to ", "P.O. Box 4417"),
        ("PASSPORT", "My passport number is ", "X4571902"),
        ("BANK_ACCOUNT", "account number: ", "0093817264"),
    ],
)
def test_personal_data_with_a_form_is_found_at_its_offsets(type_, before, value):
    text = f"{before}{value} today."

    found = list(structured_pii(text))

    assert (type_, value) in {(match.type, text[match.start : match.end]) for match in found}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The card number 4539 1488 0343 6468 has a wrong check digit.", id="failed Luhn check"),
        pytest.param("In 2019-04-12 the index rose by 12.5% to 1,234,567.89 points.", id="dates and amounts"),
        pytest.param(
            "Version 1.2.3.4 fixes it; localhost is 127.0.0.1 and the router 192.168.0.1.", id="local addresses"
        ),
        pytest.param("If 20 gnomes live on the street and 22 cars pass, how many wheels are there?", id="arithmetic"),
        pytest.param("Call the hot line at 1-800-222-1222.", id="toll-free line"),
        pytest.param("There are 350 street lamps and 12 main roads in 5 of the towns.", id="counts of streets"),
        pytest.param("Compute 123456789 * 987654321 and 100000000 / 3.", id="long integers"),
        pytest.param("Order 20231105123456789 ships in 3 days.", id="order number"),
    ],
)
def test_ordinary_numbers_are_nobodys_data(text):
    assert list(structured_pii(text)) == []


def test_each_span_is_attached_in_the_published_form_and_findings_mask_it(make, tmp_path):
    text = "Bill runa@kestrelpost.org, card 4539 1488 0343 6467."
    rows = [make.instruction_row(0, "Who pays?", "Nobody."), make.instruction_row(1, "Who pays?", text)]

    report = data_pii(make.context_with(rows, tmp_path), FAST)

    spans = [json.loads(line) for line in (tmp_path / "pii.jsonl").read_text().splitlines()]
    assert [list(span) for span in spans] == [["row", "field", "start", "end", "type", "score"]] * 2
    assert [text[span["start"] : span["end"]] for span in spans] == ["runa@kestrelpost.org", "4539 1488 0343 6467"]
    assert [finding.code for finding in report.findings] == ["data/pii/high-risk", "data/pii/contact"]
    assert not any("kestrelpost" in finding.message or "4539 1488" in finding.message for finding in report.findings)


def test_classes_are_counted_apart_with_bounds(make, tmp_path):
    rows = make.rows_of([("Contact?", "runa@kestrelpost.org")] + [("Sum?", f"It is {n}.") for n in range(39)])

    report = data_pii(make.context_with(rows, tmp_path), FAST)

    assert report.metric("contact_rows").value == 1
    assert report.metric("high_risk_rows").value == 0
    assert report.metric("contact_rate").value == pytest.approx(1 / 40)
    assert report.metric("contact_rate").low < 1 / 40 < report.metric("contact_rate").high


def test_without_the_name_search_no_name_metric_pretends_to_be_zero(make, tmp_path):
    report = data_pii(make.context_with(make.rows_of([("Hi", "Hello")]), tmp_path), FAST)

    assert report.metric("person_rows") is None
    assert report.metric("person_rate") is None
    assert report.metric("identified_rows") is None


def test_a_row_id_that_is_personal_data_is_replaced_by_its_position(make, tmp_path):
    rows = [make.instruction_row(0, "Contact?", "runa@kestrelpost.org", row_id="runa@kestrelpost.org")]

    report = data_pii(make.context_with(rows, tmp_path), FAST)

    assert [finding.subject for finding in report.findings] == ["row-0"]


def test_names_are_found_by_the_language_model_and_joined_with_contact_data(make, tmp_path):
    rows = make.rows_of(
        [
            ("Who called?", "Margaret Ellison called from Denver; write to her at ellison@kestrelpost.org."),
            ("What should I do?", "Aim for seven hours of sleep. Your aim is rest."),
            ("And you?", "My name is Ottokar Vessel."),
        ]
    )

    report = data_pii(make.context_with(rows, tmp_path))

    spans = [json.loads(line) for line in (tmp_path / "pii.jsonl").read_text().splitlines()]
    texts = dict(enumerate(row.response for row in rows))
    named = {texts[span["row"]][span["start"] : span["end"]] for span in spans if span["type"] == "PERSON"}
    assert named == {"Margaret Ellison", "Ottokar Vessel"}
    assert report.metric("person_rows").value == 2
    assert report.metric("identified_rows").value == 1


def test_every_type_has_a_class():
    assert set(CLASSES.values()) == set(PiiClass)


@pytest.mark.parametrize("rows", [pytest.param(None, id="no rows given"), pytest.param([], id="empty data set")])
def test_without_rows_the_question_stays_open(make, tmp_path, rows):
    assert data_pii(make.context_with(rows, tmp_path), FAST).status is Status.UNMEASURED
