"""The small file stored beside a version's files, so that whoever fetches them knows what they are.

Law: ``read_card(card_text(update)) == card_of(update)``. Nothing trusts it: digests of the fetched bytes are compared
with the application database or a passport.
"""

import json
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from gatekeeper.core.digests import plain
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.update import Update
from gatekeeper.registry.port import Card

BASE_ENTRY: Final = "base"
"""Path of the manifest entry that stands for the base model."""

_CARD: TypeAdapter[Card] = TypeAdapter(Card)


def card_of(update: Update) -> Card:
    """Return the card of an update."""
    candidate = update.candidate
    base = next((entry for entry in candidate.manifest.entries if entry.path == BASE_ENTRY), None)
    return Card(
        update_id=update.id,
        kind=candidate.kind,
        manifest=candidate.manifest,
        base_path=candidate.base,
        base_digest=None if base is None else base.sha256,
    )


def card_text(update: Update) -> str:
    """Return the card as it is stored: JSON that people can read."""
    return json.dumps(plain(card_of(update)), indent=2, sort_keys=True) + "\n"


def read_card(text: str) -> Card:
    """Return the card.

    Raises:
        VerificationError: the text is none.
    """
    try:
        return _CARD.validate_json(text)
    except ValidationError as error:
        raise VerificationError(
            "The registry's card of a version does not have the shape of a card.",
            hint="Someone changed the stored files: propose the update again.",
        ) from error


def own_files(update: Update) -> list[tuple[str, Path]]:
    """Return the candidate's own files as (path inside the version, path on disk): the manifest without its base."""
    candidate = update.candidate
    return [
        (entry.path, candidate.path / entry.path) for entry in candidate.manifest.entries if entry.path != BASE_ENTRY
    ]
