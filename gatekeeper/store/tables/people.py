"""People and what they wrote: the only tables that can be emptied without touching anything else."""

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.store.columns import ExactBytes
from gatekeeper.store.tables.root import DIGEST, NAME, PSEUDONYM, Table


class PersonRow(Table):
    """Who a pseudonym is. Erasable: deleting a row leaves every other row and the ledger as they are."""

    __tablename__ = "people"

    pseudonym: Mapped[str] = mapped_column(PSEUDONYM, primary_key=True)
    """HMAC of the name under ``key``: what leaves hold."""
    lookup: Mapped[str] = mapped_column(PSEUDONYM, unique=True)
    """HMAC of the name under the installation's key: how a name finds its row."""
    key: Mapped[bytes | None] = mapped_column(ExactBytes)
    """This person's own, 32 random bytes, gone with the row; ``None`` when the pseudonym is the lookup itself."""
    display_name: Mapped[str] = mapped_column(NAME)


class TextRow(Table):
    """What a person wrote. Erasable: the salt goes with it, so that the digest left behind says nothing."""

    __tablename__ = "texts"

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    """SHA-256 of salt and text."""
    subject: Mapped[str] = mapped_column(NAME, index=True)
    """Id of the update it was written about."""
    salt: Mapped[bytes] = mapped_column(ExactBytes)
    body: Mapped[str] = mapped_column(Text)
