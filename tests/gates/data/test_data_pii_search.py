import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.core.errors import UsageError
from gatekeeper.gates.data.personal.doubtful_sentences import doubtful, lower_words
from gatekeeper.gates.data.personal.kinds import CLASSES, PiiClass
from gatekeeper.gates.data.personal.page import page_of
from gatekeeper.gates.data.personal.search import Search, SearchOptions
from gatekeeper.gates.data.personal.structured_pii import structured_pii
from gatekeeper.gates.data.personal.tally import Tally
from gatekeeper.gates.data.pii import Params, data_pii
from gatekeeper.gates.data.reading.spans import Span

TEXTS = [
    "Bill runa@kestrelpost.org, card 4539 1488 0343 6467.",
    "Call me at 202-555-0143 or come to 1420 Harbour View Road, Apt 7.",
    "My name is Ottokar Vessel and I was born on 12 March 1961.",
    "Nothing to see here.",
    "Margaret Ellison of Larsen AB lives in Denmark.",
]


@pytest.mark.parametrize(
    "address",
    [
        "1420 Harbour View Road, Apt 7",
        "17066 Heather Grove Apt. 915, New Jeffreymouth, NM 72965",
        "P.O. Box 4417",
        "Flat 4, 12 Pearson Court, Bernardshire N1 0XA",
        "Sieringstraße 71, 08063 Wertingen",
        "Joel-Meixner-Gasse 6/9, 1806 Mödling",
        "8, avenue Lesage\n77880 Sainte René",
        "Calle del Roble 8, 15195 Soria",
        "Piazza Argento 48, 07044 Ittiri",
        "Evibaan 743\n1500 PI Abbekerk",
        "Stationsvägen 39\n95000 Borlänge",
        "Kossuth utca 214",
        "ul. Ludowa 17/4, 14-924 Legionowo",
        "Rua das Flores 12, 9806-360 Santiago",
        "PSC 2476, Box 5200\nAPO AA 15069",
    ],
)
def test_addresses_of_many_countries_are_found_whole(address):
    text = f"Please return it to {address}"

    found = [text[match.start : match.end] for match in structured_pii(text) if match.type == "STREET_ADDRESS"]

    assert found == [address]


@pytest.mark.parametrize(
    "text",
    [
        "12 Angry Men is a film of 1957.",
        "The Second World War lasted 6 years; 70 Million people died.",
        "He arrived in New York 18 hours late.",
        "In 2019 Maria moved to Spain with 3 Suitcases.",
        "Chapter 7 Summary: Figure 12 shows 20 Points.",
        "She ran 400 meters in 52 seconds on 4 May 2012, London.",
        "Apollo 11 Moon landing, Boeing 747 Aircraft, Windows 10 Home",
    ],
)
def test_numbers_beside_capitalised_words_are_no_addresses(text):
    assert [match.type for match in structured_pii(text)] == []


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("She was born on 12/27/1986.", "DATE_TIME", "12/27/1986"),
        ("The meeting of 3 April 2024 was short.", "DATE_TIME", "3 April 2024"),
        ("I just turned 41", "AGE", "41"),
        ("This 87 year old patient sleeps.", "AGE", "87"),
        ("Ask Dr. Larsen.", "TITLE", "Dr."),
        ("My zip code is 72965", "ZIP_CODE", "72965"),
        ("See https://kestrelpost.org/a?b=1.", "URL", "https://kestrelpost.org/a?b=1"),
        ("A Norwegian film", "NRP", "Norwegian"),
        ("We moved to New Zealand", "LOCATION", "New Zealand"),
    ],
)
def test_details_are_found_and_are_no_findings(make, tmp_path, text, type_, value):
    report = data_pii(make.context_with([make.text_row(0, text)], tmp_path), Params(names=False))

    spans = [json.loads(line) for line in (tmp_path / "pii.jsonl").read_text().splitlines()]
    assert (type_, value) in {(span["type"], text[span["start"] : span["end"]]) for span in spans}
    assert report.findings == ()
    assert report.metric("detail_rows").value == 1
    assert report.metric("high_risk_rows").value == report.metric("contact_rows").value == 0


def test_without_details_they_have_no_metric(make, tmp_path):
    rows = [make.text_row(0, "She was born on 12/27/1986.")]

    report = data_pii(make.context_with(rows, tmp_path), Params(names=False, details=False))

    assert report.metric("detail_rows") is None
    assert (tmp_path / "pii.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("the cat sat on the mat.", [], id="no capital"),
        pytest.param("The answer is four. It is simple.", [], id="only words of every day"),
        pytest.param("Aim for seven hours. Your aim is rest.", [], id="written in lower case elsewhere"),
        pytest.param(
            "It rained. Ottokar Vessel left. The end.", [" Ottokar Vessel left."], id="one sentence of three"
        ),
    ],
)
def test_the_model_reads_only_sentences_that_could_hold_a_name(text, read):
    assert [sentence for _, sentence in doubtful(text, lower_words(text), every=False)] == read


def test_asked_for_every_row_the_model_reads_every_sentence():
    text = "the cat sat. It is simple."

    assert [sentence.strip() for _, sentence in doubtful(text, set(), every=True)] == ["the cat sat.", "It is simple."]


def test_a_sentence_is_read_once_however_often_it_occurs():
    class Counting:
        def __init__(self):
            self.read = []

        def entities(self, sentences):
            self.read += sentences
            return [[(0, 7, "PERSON")] for _ in sentences]

    search = Search(SearchOptions())
    search.__dict__["_model"] = model = Counting()

    found = search.batch([["Ottokar left."], ["Ottokar left."]])

    assert model.read == ["Ottokar left."]
    assert [(row, match.type) for row, _, match in found] == [(0, "PERSON"), (1, "PERSON")]


@pytest.mark.parametrize(
    ("model", "says"),
    [
        pytest.param("en_core_web_nowhere", "not installed", id="spaCy"),
        pytest.param("gliner:/nowhere", "gliner", id="GLiNER"),
        pytest.param("os; import x", "not installed", id="no name at all"),
    ],
)
def test_a_missing_model_is_said_plainly(make, tmp_path, model, says):
    with pytest.raises(UsageError, match=says):
        data_pii(make.context_with([make.text_row(0, "Hello")], tmp_path), Params(model=model))


@given(st.lists(st.lists(st.text(max_size=8), max_size=3), max_size=6))
def test_every_text_stands_on_the_page_where_the_page_says(rows):
    page = page_of(rows)

    texts = [text for row in rows for text in row]
    assert [page.text[start : start + len(text)] for start, text in zip(page.starts, texts, strict=True)] == texts


def test_counts_of_parts_add_up_to_the_counts_of_the_whole():
    rows = [
        (f"row-{at}", {"text": "x" * 20}, [Span(row=at, field="text", start=0, end=9, type=type_, score=0.9)])
        for at, type_ in enumerate(itertools.islice(itertools.cycle(CLASSES), 90))
    ]
    whole, left, right = (Tally(listed=10) for _ in range(3))
    for at, row in enumerate(rows):
        for tally in (whole, left if at % 3 else right):
            tally.rows += 1
            tally.add(*row)

    left.merge(right)

    assert left.metrics(names=True, details=True) == whole.metrics(names=True, details=True)
    assert left.findings() == whole.findings()


def test_every_class_has_a_type():
    assert set(CLASSES.values()) == set(PiiClass)
