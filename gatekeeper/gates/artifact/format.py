"""What lies in the candidate's folder, judged against a list of what may lie there.

Nothing is loaded: safetensors are read up to their header, JSON as data, everything else as bytes. What is not on the
list is reported even when no scanner would know it, because a list of allowed files cannot be outwitted by a new kind
of bad one. The base model is read the same way and counted apart, since loading an adapter loads its base.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, NoParams, gate
from gatekeeper.core.update import Artifact, UpdateKind
from gatekeeper.gates.artifact.code_in_config import code_in_config
from gatekeeper.intake.disguise import Nature, nature_by_bytes, nature_by_name, words
from gatekeeper.intake.manifest import BASE_ENTRY
from gatekeeper.intake.safetensors_header import MalformedTensors, read_header
from gatekeeper.intake.strict_json import StrictJsonError, read_json_object

GATE = "artifact/format"


_JSON = words(
    "config.json generation_config.json adapter_config.json tokenizer.json tokenizer_config.json "
    "special_tokens_map.json added_tokens.json vocab.json chat_template.json preprocessor_config.json "
    "processor_config.json model.safetensors.index.json trainer_state.json"
)
_TEXT = words(
    "merges.txt vocab.txt chat_template.jinja README.md LICENSE LICENSE.txt LICENSE.md NOTICE NOTICE.txt "
    ".gitattributes .gitignore"
)
_TEXT_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,80}\.md|additional_chat_templates/[A-Za-z0-9_-]{1,80}\.jinja")
_BINARY = frozenset({"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"})
_TENSORS = re.compile(r"(model|adapter_model)(-\d{5}-of-\d{5})?\.safetensors")

_SEVERITY = {
    "pickle": Severity.CRITICAL,
    "program": Severity.CRITICAL,
    "archive": Severity.HIGH,
    "remote-code": Severity.CRITICAL,
    "outside-file": Severity.HIGH,
    "malformed-safetensors": Severity.CRITICAL,
    "malformed-config": Severity.HIGH,
    "malformed-text": Severity.HIGH,
    "link": Severity.HIGH,
    "unlisted": Severity.MEDIUM,
    "unreadable": Severity.HIGH,
    "changed-since-intake": Severity.CRITICAL,
    "unknown-kind": Severity.HIGH,
}
_COUNTED = {
    "code_files": ("pickle", "program"),
    "pickle_files": ("pickle",),
    "program_files": ("program",),
    "archives": ("archive",),
    "remote_code": ("remote-code",),
    "outside_files": ("outside-file",),
    "malformed_safetensors": ("malformed-safetensors",),
    "malformed_configs": ("malformed-config", "malformed-text"),
    "links": ("link",),
    "unlisted_files": ("unlisted",),
    "unreadable_files": ("unreadable",),
    "changed_files": ("changed-since-intake",),
    "unknown_kind": ("unknown-kind",),
}
_BASE_CODE = frozenset({"pickle", "program", "archive", "remote-code", "malformed-safetensors"})


@gate(GATE, asks="Can loading this candidate run code?", params=NoParams)
def artifact_format(context: GateContext, params: NoParams) -> GateReport:
    """Report every file that can run code when it is loaded, and every file nobody can vouch for."""
    del params
    candidate = context.update.candidate
    names = sorted(_names(candidate.path))
    findings = [found for name in names for found in _judge(candidate.path, name)]
    findings += _since_intake(candidate, names)
    if candidate.kind is UpdateKind.UNKNOWN:
        why = "The folder holds no single update of a kind that can be gated, so it is never loaded."
        findings.append(_finding("unknown-kind", ".", why))
    in_base = list(_base_findings(candidate.base)) if candidate.base is not None else []
    counts = Counter(finding.code.rpartition("/")[2] for finding in findings)
    metrics = [
        Metric(name="files", value=len(names), unit="files", n=len(names)),
        *(
            Metric(name=name, value=sum(counts[code] for code in codes), unit="files", n=len(names))
            for name, codes in _COUNTED.items()
        ),
        Metric(name="base_code_files", value=len(in_base), unit="files", n=len(in_base)),
    ]
    return artifact_format.measured(metrics=tuple(metrics), findings=(*findings, *in_base))


def _names(folder: Path) -> Iterator[str]:
    """Yield every file and every link below a folder, links not followed."""
    for here, folders, files in os.walk(folder, followlinks=False):
        linked = [name for name in folders if Path(here, name).is_symlink()]
        for name in (*files, *linked):
            yield Path(here, name).relative_to(folder).as_posix()


def _judge(folder: Path, name: str) -> Iterator[Finding]:
    """Yield what is wrong with one file: at most its nature, its place on the list and its contents."""
    path = folder / name
    if path.is_symlink():
        yield _finding("link", name, "This is a link; what it leads to can change after it was checked.")
    if not path.is_file():
        if not path.is_symlink():
            yield _finding("unreadable", name, "This is no regular file.")
        return
    try:
        yield from _judge_bytes(path, name)
    except OSError as error:
        yield _finding("unreadable", name, f"It cannot be read: {error.strerror}.")


def _judge_bytes(path: Path, name: str) -> Iterator[Finding]:
    tensors = bool(_TENSORS.fullmatch(name)) or name.lower().endswith(".safetensors")
    sound = True
    if tensors:
        try:
            read_header(path)
        except MalformedTensors as error:
            sound = False
            yield _finding("malformed-safetensors", name, error.message)
    by_name, by_bytes = nature_by_name(name), nature_by_bytes(path, structured=tensors and sound)
    if by_bytes is not Nature.PLAIN:
        yield _finding(by_bytes.value, name, _WHY_BYTES[by_bytes])
    elif by_name is not Nature.PLAIN:
        yield _finding(by_name.value, name, _WHY_NAME[by_name])
    elif not listed(name):
        yield _finding("unlisted", name, _why_unlisted(name))
    if name in _JSON or name.lower().endswith(".json"):
        yield from _judge_json(path, name)
    elif name in _TEXT or _TEXT_PATTERN.fullmatch(name):
        yield from _judge_text(path, name)


def _judge_json(path: Path, name: str) -> Iterator[Finding]:
    try:
        config = read_json_object(path)
    except StrictJsonError as error:
        yield _finding("malformed-config", name, f"It is not one JSON object that every reader reads alike: {error}.")
        return
    for fact in code_in_config(path.name, config):
        yield _finding("outside-file" if fact.is_path else "remote-code", name, fact.message)


def _judge_text(path: Path, name: str) -> Iterator[Finding]:
    data = path.read_bytes()
    try:
        data.decode()
    except UnicodeDecodeError as error:
        yield _finding("malformed-text", name, f"It is called a text and is not UTF-8 at byte {error.start}.")
        return
    if b"\x00" in data:
        yield _finding("malformed-text", name, "It is called a text and holds zero bytes.")


def listed(name: str) -> bool:
    """Return whether a file of this POSIX path has a known purpose in a candidate's folder."""
    return (
        name in _JSON
        or name in _TEXT
        or name in _BINARY
        or bool(_TEXT_PATTERN.fullmatch(name) or _TENSORS.fullmatch(name))
    )


def _why_unlisted(name: str) -> str:
    if not name.isascii():
        return "No loader needs a file of this name, which holds characters that look like others."
    if "/" in name:
        return "No loader needs a file in this folder."
    return "No loader needs a file of this name."


def _since_intake(candidate: Artifact, names: list[str]) -> Iterator[Finding]:
    """Yield what differs from the manifest by name or size; bytes are compared again at promotion."""
    then = {entry.path: entry.size for entry in candidate.manifest.entries if entry.path != BASE_ENTRY}
    now = {name: _size(candidate.path / name) for name in names}
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) != now.get(name):
            yield _finding("changed-since-intake", name, "It is not the file that was taken in under this name.")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _base_findings(base: Path) -> Iterator[Finding]:
    for name in sorted(_names(base)):
        bad = [found for found in _judge(base, name) if found.code.rpartition("/")[2] in _BASE_CODE]
        if bad:
            yield replace(bad[0], code=f"{GATE}/base-code", subject=f"{BASE_ENTRY}/{name}", severity=Severity.MEDIUM)


def _finding(fact: str, subject: str, message: str) -> Finding:
    return Finding(code=f"{GATE}/{fact}", severity=_SEVERITY[fact], confidence=1.0, subject=subject, message=message)


_WHY_BYTES = {
    Nature.PICKLE: "Its bytes are a pickle, whatever it is called: loading it can run any code.",
    Nature.PROGRAM: "Its bytes are a program or a script, whatever it is called.",
    Nature.ARCHIVE: "Its bytes hold an archive, which hides other files.",
}
_WHY_NAME = {
    Nature.PICKLE: "Files of this name are loaded in a way that can run any code.",
    Nature.PROGRAM: "Files of this name are run or imported.",
    Nature.ARCHIVE: "Files of this name are archives, which hide other files.",
}
