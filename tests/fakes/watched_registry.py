"""A registry in memory that writes down every move of an alias: by whom, to what bytes, and what the gate knew."""

import hashlib
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from registry import FakeRegistry

from gatekeeper.registry.port import CARD_FILE, PASSPORT_TAG


@dataclass(frozen=True, kw_only=True)
class AliasMove:
    """One change of an alias."""

    alias: str
    before: str | None
    after: str | None
    by_hand: bool
    files: dict = field(default_factory=dict)
    """SHA-256 of every stored file of the version, by its path, at that moment."""
    passport: str | None = None
    """What was attached to the version for this alias at that moment."""
    under_way: tuple = ()
    """Rows of the database's promotions of this alias that were under way at that moment."""


def bytes_of(folder):
    """Return the SHA-256 of every file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


@dataclass
class WatchedRegistry(FakeRegistry):
    """Keeps a history that no part of the program can change."""

    database: Path | None = None
    history: list = field(default_factory=list)

    def move_alias(self, model, alias, version, expected_previous):
        before = self.aliases.get(model, {}).get(alias)
        passport = next(each for each in self.versions[model] if each.version == version).tags.get(
            PASSPORT_TAG + alias
        )
        files = self.stored_bytes(model, version)
        with sqlite3.connect(self.database) as connection:
            connection.row_factory = sqlite3.Row
            query = "SELECT * FROM promotions WHERE state = 'PROMOTING' AND model = ? AND alias = ?"
            under_way = tuple(dict(row) for row in connection.execute(query, (model, alias)))
        connection.close()
        super().move_alias(model, alias, version, expected_previous)
        self.history.append(
            AliasMove(
                alias=alias,
                before=before,
                after=version,
                by_hand=False,
                files=files,
                passport=passport,
                under_way=under_way,
            )
        )

    def move_by_hand(self, model, alias, version):
        """Move an alias as somebody with the registry's own tools does."""
        before = self.aliases[model].get(alias)
        if version is None:
            self.aliases[model].pop(alias, None)
        else:
            self.aliases[model][alias] = version
        if before != version:
            self.history.append(AliasMove(alias=alias, before=before, after=version, by_hand=True))

    def stored_bytes(self, model, version):
        """Return the SHA-256 of every file that the proposer brought, by its path."""
        source = next(each.source for each in self.versions[model] if each.version == version)
        return {path: digest for path, digest in bytes_of(source).items() if path != CARD_FILE}

    def weights_of(self, model, version):
        """Return where the weights of a version lie."""
        return (
            Path(next(each.source for each in self.versions[model] if each.version == version)) / "model.safetensors"
        )
