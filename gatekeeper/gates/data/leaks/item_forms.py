"""What must not be met again in training rows: the words of each item of a suite, without its answers alone.

An item has one or more *forms*. The first is its question: the prompt without the suite's preamble, the messages of
the user, or the text. Where the answer continues the prompt, the question with each right answer is a form as well. An
answer by itself is none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gatekeeper.gates.data.leaks.words import Words, words_of
from regression import ChoiceItem, ClozeItem, GenerateItem, PhrasesItem, Suite, TextItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way the words of an item can stand in a text."""

    item: int
    """Position of the item over all suites."""
    words: Words
    asked: int
    """How many of its words are the question's: the first ones."""
    shared: frozenset[Words] = frozenset()
    """Its n-grams and pairs of words that too many items of the suite share to identify this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteItem:
    """An item by the names a finding gives it."""

    suite: str
    id: str
    tested: bool
    """Whether one of its forms is long enough to be recognised."""


def read_forms(
    suites: Sequence[Suite], *, gram: int, min_words: int, shared_by: int
) -> tuple[list[SuiteItem], list[Form]]:
    """Return the items of all suites, and the forms that can be recognised.

    Args:
        suites: what is measured with.
        gram: words of an n-gram.
        min_words: fewest words of a form.
        shared_by: items up to which an n-gram still identifies one of them.
    """
    items: list[SuiteItem] = []
    forms: list[Form] = []
    for suite in suites:
        texts = [_forms(item) for item in suite.items]
        holders: Counter[Words] = Counter()
        for ways in texts:
            holders.update({part for words, _ in ways for part in (*grams(words, gram), *grams(words, 2))})
        for item, ways in zip(suite.items, texts, strict=True):
            kept = [(words, asked) for words, asked in ways if len(words) >= min_words]
            forms += [
                Form(
                    item=len(items),
                    words=words,
                    asked=asked,
                    shared=frozenset(
                        part for part in (*grams(words, gram), *grams(words, 2)) if holders[part] > shared_by
                    ),
                )
                for words, asked in kept
            ]
            items.append(SuiteItem(suite=suite.name, id=item.id, tested=bool(kept)))
    return items, forms


def grams(words: Words, size: int) -> set[Words]:
    """Return the distinct runs of ``size`` words."""
    return {words[at : at + size] for at in range(len(words) - size + 1)}


def _forms(item: ChoiceItem | ClozeItem | GenerateItem | PhrasesItem | TextItem) -> list[tuple[Words, int]]:
    """Return the words of each form, and how many of them are the question's."""
    match item:
        case TextItem():
            return _whole(item.text)
        case GenerateItem() if item.messages:
            return _whole("\n".join(text for role, text in item.messages if role == "user"))
        case ChoiceItem():
            answers = [item.choices[at] for at in item.right]
        case ClozeItem():
            answers = [item.target]
        case PhrasesItem():
            answers = list(item.wanted)
        case GenerateItem():
            answers = []
    # The row's own prompt: the item's begins with the preamble, which all items share.
    question = str(item.row["prompt"])
    asked = len(words_of(question))
    return [*_whole(question), *((words_of(question + answer), asked) for answer in answers)]


def _whole(text: str) -> list[tuple[Words, int]]:
    words = words_of(text)
    return [(words, len(words))]
