"""Root of every table, and the sizes that columns share."""

from typing import Final, cast

import sqlalchemy
from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase

ID: Final = String(64)
DIGEST: Final = String(71)
NAME: Final = String(256)
PSEUDONYM: Final = String(80)


class Table(DeclarativeBase):
    """Root of every table; constraints are named, so that a migration can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(rows: type[Table]) -> sqlalchemy.Table:
    """Return the table of a class of rows, for statements asked so often that making objects of rows would show."""
    return cast("sqlalchemy.Table", rows.__table__)
