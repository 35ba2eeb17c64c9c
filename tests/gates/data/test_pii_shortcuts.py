"""Shortcuts of the search for personal data change its speed and nothing that it finds."""

import json
import re
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.gates.data.leakage import Params as LeakageParams
from gatekeeper.gates.data.leakage import data_leakage
from gatekeeper.gates.data.personal import address_parts, checked_numbers
from gatekeeper.gates.data.personal.page import page_of
from gatekeeper.gates.data.personal.street_words import COUNTRIES, UNITS, any_of
from gatekeeper.gates.data.pii import Params, data_pii
from gatekeeper.gates.data.reading import disguises
from gatekeeper.gates.data.reading.disguises import Disguise, all_undisguised, undisguised
from gatekeeper.gates.data.reading.flags import FLAGGED, RowFlag, flag_lines
from gatekeeper.gates.data.reading.spans import Span, span_line, span_text

ALL = frozenset(Disguise)
PIECES = st.sampled_from(
    [
        "4", "12", "536", "4539", "1488", "O", "l", "|", "I", "one", "two", "twenty", "double", "oh", "TEN", "at",
        "dot", "(at)", "[DOT]", " dot ", " ", ", ", "-", ".", "/", "_", " / ", "%", "\n", "runa", "ß", "é", "–",
        "\u200b", "\u0131", "\u0130", "\uff11", "\u0430", "’", "\x00",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=24).map("".join)
ADDRESS = st.lists(
    st.sampled_from(
        [
            " ", ", ", "\n", "\n> ", "Apt", "apt.", "#", "4", "72965", "NM", "nan", "D-12345", "N1 0XA", "Wertingen",
            "New Lane", "denmark", "United States", "United States of America", "(AB)", " / GR", "3rd floor", "é", "Ø",
            "Box 12", ".", "and", "\t", "|", "?",
        ]
    ),
    max_size=9,
).map("".join)  # fmt: skip


@settings(max_examples=400)
@given(TEXTS)
def test_a_text_without_a_sign_wears_no_disguise(text):
    assert undisguised(text, ALL) == disguises._taken_off(text, ALL)


@given(st.lists(TEXTS, max_size=5))
def test_texts_read_together_are_read_as_each_by_itself(texts):
    assert all_undisguised(texts, ALL) == [undisguised(text, ALL) for text in texts]


@pytest.mark.parametrize("words", [COUNTRIES, UNITS], ids=["countries", "units"])
@given(data=st.data())
def test_grouped_words_match_what_plain_ones_match(words, data):
    word = data.draw(st.sampled_from(words.split("|")))
    text = data.draw(st.sampled_from([word, word.lower(), word[:-1], word + "s", f"{word} and", f"{word}-Bissau"]))

    for flags in (0, re.IGNORECASE):
        for end in ("", r"\b"):
            plain, grouped = (re.compile(rf"(?:{form}){end}", flags).match(text) for form in (words, any_of(words)))
            assert (plain and plain.span()) == (grouped and grouped.span())


@settings(max_examples=400)
@given(ADDRESS)
def test_parts_of_an_address_that_are_passed_over_would_not_match(text):
    possible = address_parts._possible(text, 0)

    for part in address_parts._PARTS:
        match = part[1].match(text)
        assert part in possible or match is None or match.end() == 0


@settings(max_examples=400)
@given(st.text(alphabet="0123456789 -./+AX", min_size=1, max_size=30), st.booleans())
def test_numbers_that_are_passed_over_for_their_digits_would_not_match(text, begins_anew):
    page = page_of([[text if begins_anew else f"Number {text}"]])

    for run in checked_numbers._RUN.finditer(page.text):
        digits = sum(letter.isdigit() for letter in run.group())
        for number in checked_numbers._DIGIT_FIRST:
            if number.most < digits and "+" not in run.group():
                assert number.pattern.match(page.text, run.start()) is None


@given(
    st.builds(
        partial(Span, end=9),
        row=st.integers(0, 10**9),
        field=st.text(max_size=6),
        start=st.integers(0, 8),
        type=st.sampled_from(["EMAIL_ADDRESS", "PERSON"]),
        score=st.floats(0, 1) | st.sampled_from([1, 0]),
    )
)
def test_a_span_is_written_as_its_line(span):
    assert json.loads(span_text(span)) == span_line(span)
    assert span_text(span).endswith("}\n")


@given(
    st.lists(st.builds(RowFlag, row=st.integers(0, 3), test=st.sampled_from("ab"), id=st.just("x"), reason=st.text()))
)
def test_flags_written_row_by_row_are_the_flags_written_at_once(flags):
    by_row = [line for row in range(4) for line in flag_lines(flag for flag in flags if flag.row == row)]

    assert by_row == list(flag_lines(flags))


class Watched:
    """Rows that note how much of a file is written when the last of them is read."""

    def __init__(self, rows, file):
        self._rows, self._file, self.written = rows, file, 0

    def __iter__(self):
        for row in self._rows:
            self.written = self._file.stat().st_size if self._file.exists() else 0
            yield row


@pytest.mark.parametrize(
    ("gate", "params", "text"),
    [
        pytest.param(data_pii, Params(names=False, processes=1), "Write to runa@kestrelpost.org today.", id="pii"),
        pytest.param(
            data_leakage,
            LeakageParams(suites=("builtin:instructions",)),
            "Repeat this word: lantern",
            id="leakage",
        ),
    ],
)
def test_flags_are_written_while_rows_are_still_read(make, tmp_path, gate, params, text):
    rows = Watched([make.text_row(at, text) for at in range(2000)], tmp_path / FLAGGED)

    gate(replace(make.context_with([], tmp_path), rows=rows), params)

    lines = (tmp_path / FLAGGED).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["row"] for line in lines] == list(range(2000))
    assert rows.written > 0
