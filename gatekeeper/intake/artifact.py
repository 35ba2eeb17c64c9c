"""What kind of update a folder holds, told from its own files and never from what its proposer says.

Two readings of one folder are no reading: a folder that holds both an adapter and full weights, or a config that is
no strict JSON, or weights only in a format that runs code, is ``UNKNOWN``. An unknown update is never loaded; what is
wrong with it is a verdict for ``artifact/format``, not an exception.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from gatekeeper.core.errors import UsageError
from gatekeeper.core.update import Artifact, UpdateKind
from gatekeeper.intake.manifest import artifact_manifest, base_manifest, require_folder
from gatekeeper.intake.strict_json import StrictJsonError, read_json_object

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
MODEL_CONFIG = "config.json"
MODEL_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
"""Names under which a loader looks for full weights."""

_KINDS: Mapping[UpdateKind, str] = MappingProxyType(
    {
        UpdateKind.LORA: "LORA",
        UpdateKind.LOW_RANK: (
            "ADALORA LOHA LOKR VERA PVERA VBLORA UNILORA RANDLORA TINYLORA HIRA HRA DELORA GRALORA GLORA MISS LILY "
            "FROD IA3 OFT BOFT C3A ROAD FOURIERFT WAVEFT"
        ),
        UpdateKind.PREFIX: "PREFIX_TUNING PROMPT_TUNING MULTITASK_PROMPT_TUNING P_TUNING CARTRIDGE CPT",
        UpdateKind.SPARSE: "SHIRA TRAINABLE_TOKENS",
    }
)
KIND_OF_PEFT_TYPE: Mapping[str, UpdateKind] = MappingProxyType(
    {name: kind for kind, names in _KINDS.items() for name in names.split()}
)
"""Every PEFT type that can be gated. One that routes between adapters or rewrites the model's code is not here."""


def read_artifact(folder: Path, base: Path | None) -> Artifact:
    """Return the update a folder holds, with its kind and manifest.

    A base given beside full weights is not part of them and is left out.

    Raises:
        UsageError: a folder is missing or empty, or an adapter was named without its base.
        InputError: something in a folder cannot be pinned by content.
    """
    require_folder(folder)
    kind = recognise(folder)
    if kind is UpdateKind.FULL_WEIGHTS:
        return Artifact(path=folder, base=None, kind=kind, manifest=artifact_manifest(folder, None))
    if base is None:
        manifest = artifact_manifest(folder, None)
        if kind is not UpdateKind.UNKNOWN:
            raise UsageError(
                f"{folder} is an adapter and needs the model it stands on.",
                hint="Name its base model's folder with --base.",
            )
        return Artifact(path=folder, base=None, kind=kind, manifest=manifest)
    manifest = artifact_manifest(folder, base_manifest(base))
    return Artifact(path=folder, base=base, kind=kind, manifest=manifest)


def recognise(folder: Path) -> UpdateKind:
    """Return the kind of update in a folder; ``UNKNOWN`` unless exactly one reading fits."""
    adapter = (folder / ADAPTER_CONFIG).exists()
    full = _holds_full_weights(folder)
    if adapter and not full:
        return _adapter_kind(folder)
    if full and not adapter and not (folder / ADAPTER_WEIGHTS).exists():
        return UpdateKind.FULL_WEIGHTS if _config(folder / MODEL_CONFIG) is not None else UpdateKind.UNKNOWN
    return UpdateKind.UNKNOWN


def _holds_full_weights(folder: Path) -> bool:
    return any(MODEL_WEIGHTS.fullmatch(path.name) for path in folder.iterdir())


def _adapter_kind(folder: Path) -> UpdateKind:
    config = _config(folder / ADAPTER_CONFIG)
    if config is None or not (folder / ADAPTER_WEIGHTS).is_file():
        return UpdateKind.UNKNOWN
    peft_type = config.get("peft_type")
    kind = KIND_OF_PEFT_TYPE.get(peft_type, UpdateKind.UNKNOWN) if isinstance(peft_type, str) else UpdateKind.UNKNOWN
    if kind is UpdateKind.LORA and config.get("use_dora"):
        return UpdateKind.DORA
    return kind


def _config(path: Path) -> dict[str, object] | None:
    try:
        return read_json_object(path)
    except (StrictJsonError, OSError):
        return None
