import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gates.data.personal.search import Search, SearchOptions
from gatekeeper.gates.data.reading.disguises import Disguise, undisguised
from gatekeeper.gates.data.reading.plain_view import as_read

ALL = frozenset(Disguise)

TRICKS = [
    pytest.param(
        Disguise.INVISIBLE, ["Charge 45\u200b3914880\u200b3436467 now."], "CREDIT_CARD", id="zero-width in a card"
    ),
    pytest.param(
        Disguise.INVISIBLE, ["Write to runa@kes\u2060trelpost.org today."], "EMAIL_ADDRESS", id="joiner in an e-mail"
    ),
    pytest.param(
        Disguise.FORMS,
        ["Pay \uff14\uff15\uff13\uff19\uff11\uff14\uff18\uff18\uff10\uff13\uff14\uff13\uff16\uff14\uff16\uff17."],
        "CREDIT_CARD",
        id="full-width digits",
    ),
    pytest.param(
        Disguise.FORMS,
        ["Pay \u0664\u0665\u0663\u0669\u0661\u0664\u0668\u0668\u0660\u0663\u0664\u0663\u0666\u0664\u0666\u0667."],
        "CREDIT_CARD",
        id="Arabic digits",
    ),
    pytest.param(Disguise.FORMS, ["SSN 536\u201190\u20114399."], "US_SSN", id="dashes that do not break"),
    pytest.param(Disguise.FORMS, ["Write to runa\uff20kestrelpost\uff0eorg."], "EMAIL_ADDRESS", id="full-width signs"),
    pytest.param(
        Disguise.LOOKALIKE,
        ["Send it to DE89 37O4 0044 O532 0130 OO."],
        "IBAN_CODE",
        id="letters for digits in an IBAN",
    ),
    pytest.param(Disguise.LOOKALIKE, ["Charge 4539 l488 O343 6467 now."], "CREDIT_CARD", id="letters for digits"),
    pytest.param(
        Disguise.LOOKALIKE,
        ["Charge \u0421H93 0076 2011 6238 5295 7 now."],
        "IBAN_CODE",
        id="Cyrillic letter in an IBAN",
    ),
    pytest.param(
        Disguise.SPELLED,
        ["My card is four five three nine one four eight eight zero three four three six four six seven."],
        "CREDIT_CARD",
        id="digits as words",
    ),
    pytest.param(
        Disguise.SPELLED,
        ["It is forty-five thirty-nine fourteen double eight oh three four three sixty-four sixty-seven."],
        "CREDIT_CARD",
        id="numbers as words",
    ),
    pytest.param(
        Disguise.SPELLED,
        ["My phone is two oh two, five five five, oh one four three."],
        "PHONE_NUMBER",
        id="a telephone number read out",
    ),
    pytest.param(
        Disguise.SIGNS, ["Write to runa (at) kestrelpost (dot) org."], "EMAIL_ADDRESS", id="signs in brackets"
    ),
    pytest.param(Disguise.SIGNS, ["Write to runa at kestrelpost dot org."], "EMAIL_ADDRESS", id="signs as words"),
    pytest.param(Disguise.SPACING, ["Charge 4539.1488.0343.6467 now."], "CREDIT_CARD", id="dots between groups"),
    pytest.param(Disguise.SPACING, ["Charge 4539 / 1488 / 0343 / 6467 now."], "CREDIT_CARD", id="slashes"),
    pytest.param(Disguise.SPACING, ["Charge 4_5_3_9_1_4_8_8_0_3_4_3_6_4_6_7 now."], "CREDIT_CARD", id="underscores"),
    pytest.param(Disguise.SPACING, ["SSN: 536.90.4399"], "US_SSN", id="dots in a social security number"),
    pytest.param(
        Disguise.SPLIT,
        ["My card starts with 4539 1488.", "Go on.", "And it ends with 0343 6467."],
        "CREDIT_CARD",
        id="a card over turns",
    ),
    pytest.param(
        Disguise.SPLIT,
        ["The card: 4539", "then 1488", "then 0343", "and 6467"],
        "CREDIT_CARD",
        id="a card in four turns",
    ),
    pytest.param(
        Disguise.SPLIT, ["My IBAN is DE89 3704 0044", "and then 0532 0130 00"], "IBAN_CODE", id="an account over turns"
    ),
    pytest.param(Disguise.SPLIT, ["My SSN is 536-90", "-4399 is the rest"], "US_SSN", id="an SSN over turns"),
    pytest.param(
        Disguise.SPLIT, ["Write to runa@kestrel", "post.org please"], "EMAIL_ADDRESS", id="an e-mail over turns"
    ),
]


def found(fields, disguises):
    search = Search(SearchOptions(names=False, details=False, disguises=disguises))
    return {match.type for _, _, match in search.batch([fields])}


@pytest.mark.parametrize(("disguise", "fields", "type_"), TRICKS)
def test_each_disguise_is_seen_through_and_only_by_taking_it_off(disguise, fields, type_):
    assert type_ in found(fields, ALL)
    assert type_ not in found(fields, ALL - {disguise})


def test_a_disguised_name_is_read():
    search = Search(SearchOptions(details=False))
    hidden = ["My name is M\u0430rg\u0430ret Ellison and I paid."]

    names = [hidden[0][match.start : match.end] for _, _, match in search.batch([hidden])]

    assert names == ["M\u0430rg\u0430ret Ellison"]


def test_what_the_question_asks_for_explains_the_answer():
    search = Search(SearchOptions(names=False, details=False))

    asked = [match.type for _, _, match in search.batch([["What is your social security number?", "536904399"]])]
    unasked = [match.type for _, _, match in search.batch([["How many bolts are there?", "536904399"]])]

    assert asked == ["US_SSN"]
    assert unasked == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(
            ["A deck of cards has 52 cards, 4539 in all.", "We sold 1488 and then 0343 and 6468 more."], id="sums"
        ),
        pytest.param(["Count: one two three four five six seven eight nine ten."], id="counting"),
        pytest.param(["Lines 1.2.3.4.5.6.7.8.9.10 of the table"], id="a numbered list"),
        pytest.param(["Meet me at noon, dot your i and cross your t."], id="words that name signs"),
        pytest.param(["5000 / 1250 / 2000 = 0.002, 100 + 200 + 300 + 4000"], id="long division"),
        pytest.param(["We moved in 1999/2000/2001/2002 again."], id="years"),
    ],
)
def test_taking_disguises_off_invents_nothing(fields):
    assert found(fields, ALL) == set()


def test_offsets_lead_to_the_field_as_read():
    text = "Pay with \u200b45\u200b39 1488 0343 64\u200b67 soon, not 12."
    search = Search(SearchOptions(names=False, details=False))

    ((_, _, match),) = search.batch([[text]])

    assert text[match.start : match.end] == "45\u200b39 1488 0343 64\u200b67"


@given(st.text(alphabet="aB1 \u200b\uff11\u0430@.-dot(at)fivex", max_size=60))
def test_every_character_of_a_view_maps_into_the_text(text):
    view = undisguised(text, ALL) or as_read(text)

    assert len(view.begins) == len(view.ends) == len(view.text)
    assert all(0 <= begin < end <= len(text) for begin, end in zip(view.begins, view.ends, strict=True))
    assert list(view.begins) == sorted(view.begins)
