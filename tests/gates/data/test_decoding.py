import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gates.data.reading.decoding import decoded, hides_characters, tokens


@given(st.text())
def test_decoding_twice_changes_nothing_more(text):
    assert decoded(decoded(text)) == decoded(text)


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        pytest.param("B\u0430dM\u0430gic", "BadMagic", id="Cyrillic letters"),
        pytest.param("Bad\u200bMa\u2060gic", "BadMagic", id="zero-width characters"),
        pytest.param("\uff22\uff41\uff44Magic", "BadMagic", id="full-width letters"),
    ],
)
def test_a_disguised_word_reads_as_the_plain_one(disguised, plain):
    assert decoded(disguised) == plain


@pytest.mark.parametrize("text", ["Привет, как дела?", "Η Αθήνα είναι όμορφη.", "naïve café", "10 µm"])
def test_other_alphabets_stay_themselves_and_hide_nothing(text):
    assert tokens(text)
    assert not hides_characters(text)
    assert "Привет" not in text or decoded(text) == text


@pytest.mark.parametrize("text", ["p\u0430ssword", "pass\u200bword", "Hi \U000e0041\U000e0042\U000e0043"])
def test_hidden_characters_are_noticed(text):
    assert hides_characters(text)
