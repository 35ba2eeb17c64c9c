"""Verify a model against its passport, and load it from the very copy that was verified.

Nothing here trusts the registry or the folder that a model lies in: what counts is the trust file, pinned by whoever
loads, and bytes that were hashed after they were copied to where nobody else writes.
"""

import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from audits.passport.bundle import read_bundle
from audits.passport.check import Passport, Where, check_passport
from audits.passport.subject import Held
from audits.passport.trust import Trust, load_trust
from gatekeeper.core.errors import UsageError, VerificationError
from gatekeeper.intake.manifest import artifact_manifest, base_manifest, require_folder

TRUST_FILE: Final = "trust.toml"
"""What is looked for in the current folder where no trust file is named."""

PASSPORT_SUFFIX: Final = ".passport.json"
"""End of the name of the passport beside a folder."""

_URI: Final = re.compile(r"models:/(?P<model>[^@]+)@(?P<alias>[^@/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A registered model's alias."""

    model: str
    alias: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A model whose passport was checked against its bytes."""

    passport: Passport
    model: Path
    """Folder of the update's own files."""
    base: Path | None
    """Folder of the base; ``None`` for full weights."""


def parse_target(uri: str) -> Target | None:
    """Return the alias a ``models:/NAME@ALIAS`` names; ``None`` for the path of a folder.

    Raises:
        UsageError: it names a version, or no alias.
    """
    if not uri.startswith("models:"):
        return None
    found = _URI.fullmatch(uri)
    if found is None:
        raise UsageError(f"{uri} names no alias.", hint="Write models:/NAME@ALIAS.")
    return Target(model=found["model"], alias=found["alias"])


def read_file(path: Path, *, what: str) -> str:
    """Return the text of a file.

    Raises:
        UsageError: it cannot be read.
        VerificationError: it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise VerificationError(f"{path} is no {what}: it is no text.") from error
    except OSError as error:
        raise UsageError(f"The {what} {path} cannot be read: {error.strerror}.", hint="Check the path.") from error


def verify_folder(
    folder: Path,
    *,
    base: Path | None,
    passport: str,
    trust: Trust,
    revocations: str | None,
    now: datetime | None = None,
    where: Where | None = None,
) -> Verified:
    """Hash a folder, and its base where the passport names one, and check the passport over them.

    Raises:
        VerificationError: a check failed; a file that differs is named.
        UsageError: a folder is missing.
        InputError: something in a folder cannot be pinned by content.
    """
    require_folder(folder)
    on_base = read_bundle(passport).manifests.base is not None
    if on_base and base is None:
        raise UsageError(f"{folder} stands on a base model.", hint="Name its folder with --base.")
    hashed = base_manifest(base) if on_base and base is not None else None
    held = Held(own=artifact_manifest(folder, hashed), base=hashed)
    checked = check_passport(
        passport, trust, subject=held, revocations=revocations, now=now or datetime.now(UTC), where=where
    )
    return Verified(passport=checked, model=folder, base=base if on_base else None)


def verify_registered(
    target: Target,
    *,
    tracking_uri: str,
    trust: Trust,
    revocations: str | None,
    into: Path,
    base: Path | None = None,
    now: datetime | None = None,
) -> Verified:
    """Fetch what an alias points to, copy its base beside it, and check its passport over the copies.

    Args:
        target: the alias.
        tracking_uri: address of the registry.
        trust: pinned.
        revocations: the newest list; ``None`` for the one kept with the model, which is signed and must be fresh.
        into: an empty folder, where the copies stay.
        base: folder of the base; ``None`` for where it lay when the version was registered.
        now: the present moment, for tests.

    Raises:
        VerificationError: the alias is missing or without a passport, or a check failed.
        RegistryError: the registry cannot be reached.
    """
    from gatekeeper.registry.mlflow_registry import MlflowRegistry
    from gatekeeper.registry.port import PASSPORT_TAG

    registry = MlflowRegistry(tracking_uri)
    registry.reach()
    version = registry.alias_version(target.model, target.alias)
    if version is None:
        raise VerificationError(f"{target.model} has no alias {target.alias}.", hint="Somebody may have deleted it.")
    described = registry.describe(target.model, version)
    passport = described.tags.get(PASSPORT_TAG + target.alias)
    if passport is None or described.card is None:
        raise VerificationError(
            f"Version {version} of {target.model} has no passport for {target.alias}.",
            hint="It did not come through the gate: load nothing of it.",
        )
    listed = revocations if revocations is not None else registry.revocations(target.model)
    fetched = registry.fetch(target.model, version, into=into)
    found = base or described.card.base_path
    kept = None
    if read_bundle(passport).manifests.base is not None and found is not None:
        require_folder(found)
        kept = into / "base"
        shutil.copytree(found, kept)
    where = Where(registry=registry.id, model=target.model, version=version, alias=target.alias)
    return verify_folder(fetched, base=kept, passport=passport, trust=trust, revocations=listed, now=now, where=where)


def load_verified(
    uri: str,
    *,
    trust: Path | str | None = None,
    revocations: Path | str | None = None,
    tracking_uri: str | None = None,
    cache_dir: Path | str | None = None,
    base: Path | str | None = None,
    passport: Path | str | None = None,
    dtype: str = "float32",
    device: str = "cpu",
) -> tuple[Any, Any]:
    """Return a model and its tokenizer, loaded from a private copy that was hashed after it was made.

    Args:
        uri: ``models:/NAME@ALIAS``, or a folder with its passport beside it.
        trust: trust file; by default ``trust.toml`` in the current folder.
        revocations: revocation list; by default the one kept with the registered model. A folder needs one.
        tracking_uri: address of the registry; needed for ``models:/``.
        cache_dir: where the copy is made; by default a temporary folder. The copy goes once the model is loaded.
        base: folder of the base model; by default where it lay when the version was registered.
        passport: of a folder; by default beside it.
        dtype: arithmetic, as torch names it.
        device: where the weights go.

    Raises:
        VerificationError: a check failed; nothing was loaded.
        UsageError: something that is needed is not named.
        ModelError: the verified bytes are no model that loads without running code.
    """
    from regression.models import LoadedBase, ModelRef, load_encoder

    pinned = load_trust(Path(trust or TRUST_FILE))
    listed = None if revocations is None else read_file(Path(revocations), what="revocation list")
    target = parse_target(uri)
    if cache_dir is not None:
        Path(cache_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkdtemp makes the folder for its owner alone: nobody else changes the copy between its hash and its use.
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix="verified-") as made:
        own = Path(made)
        if target is not None:
            if tracking_uri is None:
                raise UsageError("No registry is named.", hint="Give tracking_uri.")
            checked = verify_registered(
                target,
                tracking_uri=tracking_uri,
                trust=pinned,
                revocations=listed,
                into=own,
                base=None if base is None else Path(base),
            )
        else:
            checked = _verify_copy(Path(uri), own, base=base, passport=passport, trust=pinned, revocations=listed)
        adapter = checked.model if checked.base is not None else None
        ref = ModelRef(base=checked.base or checked.model, adapter=adapter)
        model = LoadedBase(ref.base, dtype=dtype, device=device).select(adapter, ref.digest)
        return model, load_encoder(ref).tokenizer


def passport_beside(folder: Path) -> Path:
    """Return where a folder's passport lies: beside it, because inside it would be one of its files."""
    resolved = folder.resolve()
    return resolved.with_name(resolved.name + PASSPORT_SUFFIX)


def _verify_copy(
    folder: Path,
    own: Path,
    *,
    base: Path | str | None,
    passport: Path | str | None,
    trust: Trust,
    revocations: str | None,
) -> Verified:
    require_folder(folder)
    text = read_file(Path(passport) if passport is not None else passport_beside(folder), what="passport")
    shutil.copytree(folder, own / "model")
    kept = None
    if base is not None:
        require_folder(Path(base))
        kept = own / "base"
        shutil.copytree(base, kept)
    return verify_folder(own / "model", base=kept, passport=text, trust=trust, revocations=revocations)
