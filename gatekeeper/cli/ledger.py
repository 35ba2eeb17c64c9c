"""``gatekeeper ledger``: check the record, prove one entry of it, take it elsewhere, forget names and texts."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from audits.ledger import proofs
from audits.ledger.check import verify_entries
from audits.ledger.checkpoint import verified_checkpoint
from audits.ledger.events import Event
from audits.ledger.export import export_text, verify_export
from audits.ledger.rotation import require_not_retired, rotations
from audits.ledger.tlog_proof import proof_text
from audits.passport.trust import Trust, load_trust
from gatekeeper.cli.opening import open_notary, workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import find_project, load_settings
from gatekeeper.core.errors import StateError, StoreError, UsageError, VerificationError
from gatekeeper.pipeline.erase import erase_person, erase_text, erase_texts_about
from gatekeeper.pipeline.passports import checkpoint
from gatekeeper.store import checkpoints, entries
from gatekeeper.store.database import Store, open_store

EXIT_FAILED = 20

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Check the append-only record, and take it elsewhere.", no_args_is_help=True)
    for command in (verify, prove, export, erase):
        group.command(command.__name__)(command)
    app.add_typer(group, name="ledger")


def verify(
    file: Annotated[Path | None, typer.Argument(help="An export; default: this project's whole ledger.")] = None,
    trust: Annotated[Path | None, typer.Option(help="Trust file; default: the project's.")] = None,
    known: Annotated[
        Path | None, typer.Option(help="A checkpoint that was kept elsewhere, to notice what was cut off.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Hash every leaf again and compare; ends with 20 when anything differs."""
    if file is not None:
        return _verify_file(file, _trust(trust), _text(known), as_json=as_json)
    settings = load_settings()
    store = open_store(settings.resolved_database_url)
    try:
        with store.reading() as session:
            checked = verify_entries(session)
        pinned = load_trust(trust or settings.trust_file) if (trust or settings.trust_file.exists()) else None
        faults = [f"entry {fault.seq}: {fault.text}" for fault in checked.faults]
        faults += _against_checkpoints(store, pinned, _text(known), size=checked.size)
    finally:
        store.close()
    if as_json:
        print_json({"entries": checked.size, "root": checked.root.hex(), "intact": not faults, "faults": faults})
    else:
        screen = console(as_json=False)
        screen.print(f"{checked.size} entries, Merkle root {checked.root.hex()}.", markup=False)
        for fault in faults:
            screen.print(fault, markup=False, style="bold red")
        screen.print("The record was changed." if faults else "The record is whole.")
    return EXIT_FAILED if faults else 0


def prove(
    number: Annotated[int, typer.Argument(help="Number of the entry, from 0.")],
    out: Annotated[Path | None, typer.Option("--out", help="Where the proof goes; default: standard output.")] = None,
) -> int:
    """Write a proof that one entry is in the ledger, as a tlog-proof file under a signed checkpoint."""
    settings = load_settings()
    store = open_store(settings.resolved_database_url)
    try:
        size, note = checkpoint(store, open_notary(settings))
        with store.reading() as session:
            proof = proofs.prove(session, number, size)
            entry = entries.find(session, number)
            if entry is None:
                raise StoreError(f"Entry {number} is missing.", hint="gatekeeper ledger verify says more.")
            text = proof_text(index=number, leaf=entry.leaf, proof=proof, note=note)
    finally:
        store.close()
    if out is None:
        console(as_json=False).print(text, markup=False, end="")
    else:
        out.write_text(text, encoding="utf-8")
    return 0


def export(
    file: Annotated[Path, typer.Argument(help="Where the export goes.")],
    as_json: Json = False,
) -> int:
    """Write the whole ledger into one file that anybody with the trust file can check offline."""
    settings = load_settings()
    store = open_store(settings.resolved_database_url)
    try:
        size, note = checkpoint(store, open_notary(settings))
        with store.reading() as session:
            text = export_text(session, size=size, note=note)
    finally:
        store.close()
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.", hint="Name another file.") from error
    if as_json:
        print_json({"file": file, "entries": size})
    else:
        console(as_json=False).print(
            f"{size} entries in {file}. Check it: gatekeeper ledger verify {file}", markup=False
        )
    return 0


def erase(
    person: Annotated[str | None, typer.Option("--person", help="Forget this person's name.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="Forget the text of this digest.")] = None,
    about: Annotated[str | None, typer.Option("--about", help="Forget every text about this update.")] = None,
    by: Annotated[str | None, typer.Option("--as", help="Who erases; default: the settings' actor.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> int:
    """Forget a name or a text for good. The record stays whole: it holds neither."""
    if sum(each is not None for each in (person, text, about)) != 1:
        raise UsageError("Say what to erase.", hint="One of --person NAME, --text DIGEST and --about UPDATE-ID.")
    settings = load_settings()
    _require_confirmed(f"Erase {person or text or f'every text about {about}'} for good?", yes=yes)
    with workspace(settings, reach=False) as opened:
        who = by or settings.actor
        if person is not None:
            erased = erase_person(opened, person, by=who)
        elif text is not None:
            erased = erase_text(opened, text, by=who)
        else:
            erased = erase_texts_about(opened, str(about), by=who)
    if as_json:
        print_json(erased)
        return 0
    screen = console(as_json=False)
    for subject, entry in zip(erased.subjects, erased.entries, strict=True):
        screen.print(f"Erased: what {subject} stood for (entry {entry}).", markup=False)
    screen.print("Copies of the database, principals.toml in version control and MLflow are not touched:")
    screen.print("docs/privacy.md lists where else a name can lie.")
    return 0


def _require_confirmed(question: str, *, yes: bool) -> None:
    """Return when whoever sits there agrees.

    Raises:
        UsageError: nobody sits there and ``--yes`` was not given.
        StateError: they said no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("Erasing cannot be undone, and nobody is here to be asked.", hint="Say --yes.")
    if not typer.confirm(question, err=True):
        raise StateError("Nothing was erased.")


def _verify_file(file: Path, trust: Trust, known: str | None, *, as_json: bool) -> int:
    try:
        checked = verify_export(
            _require_text(file),
            origin=trust.origin,
            log_keys=trust.log_keys,
            witnesses=trust.witnesses,
            quorum=trust.quorum,
            known=known,
        )
    except VerificationError as error:
        if as_json:
            print_json({"intact": False, "faults": [error.message]})
            return EXIT_FAILED
        raise
    if as_json:
        size, root = checked.checkpoint.size, checked.checkpoint.root.hex()
        print_json({"entries": size, "root": root, "intact": True, "witnesses": checked.witnesses, "faults": []})
    else:
        screen = console(as_json=False)
        screen.print(
            f"{checked.checkpoint.size} entries, Merkle root {checked.checkpoint.root.hex()}, "
            f"{checked.witnesses} witnesses. The record is whole.",
            markup=False,
        )
        if not trust.witnesses and known is None:
            screen.print("Whether entries are missing at its end nobody can say without a witness or --known.")
    return 0


def _against_checkpoints(store: Store, trust: Trust | None, known: str | None, *, size: int) -> list[str]:
    """Return what signed checkpoints say against the ledger as it is now."""
    if trust is None:
        return []
    with store.reading() as session:
        kept = {row.note for row in (checkpoints.latest(session), checkpoints.latest(session, cosignatures=1)) if row}
        handed_over = rotations(each.leaf for each in entries.of_type(session, Event.KEY_ROTATED.value))
    faults = []
    for note, quorum in [(each, 0) for each in kept] + ([(known, trust.quorum)] if known is not None else []):
        try:
            signed, _ = verified_checkpoint(
                note, origin=trust.origin, log_keys=trust.log_keys, witnesses=trust.witnesses, quorum=quorum
            )
            require_not_retired(note, log_keys=trust.log_keys, handed_over=handed_over)
        except VerificationError as error:
            faults.append(f"checkpoint: {error.message}")
            continue
        if signed.size > size:
            faults.append(f"checkpoint: {signed.size} entries were signed, {size} are there.")
            continue
        with store.reading() as session:
            if proofs.root_at(session, signed.size) != signed.root:
                faults.append(f"checkpoint: the first {signed.size} entries are not the ones that were signed.")
    return faults


def _trust(named: Path | None) -> Trust:
    if named is not None:
        return load_trust(named)
    if find_project(Path.cwd()) is None:
        raise UsageError("No trust file is named.", hint="Name the one that you pinned: --trust FILE.")
    return load_trust(load_settings().trust_file)


def _text(file: Path | None) -> str | None:
    return None if file is None else _require_text(file)


def _require_text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", hint="Check the path.") from error
    except UnicodeDecodeError as error:
        raise VerificationError(f"{file} is no text.", hint="It was changed.") from error
