"""A project on disk for the load on the service: people, tokens, a champion, and what callers have to know of it.

Everything is as `gatekeeper init` leaves it: SQLite for the application, MLflow over SQLite as the registry, the
policy that comes with Gatekeeper (two people must agree instead of one), keys and trust in files.
"""

import dataclasses
import json
import struct
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

from load_updates import judged_like, make_live
from people import person

from audits.ledger.keys import create_keys
from gatekeeper.cli.opening import open_policy, workspace
from gatekeeper.cli.settings import load_settings
from gatekeeper.cli.trust import pin_trust
from gatekeeper.pipeline import run
from gatekeeper.pipeline.moves import intend
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.store import entries, promotions, tokens, updates
from gatekeeper.store.database import create_store
from gatekeeper.store.tables import PromotionKind, PromotionState
from policies.source import read_text

MODEL = "support-bot"
OFFERED = "weekly"
"""Folder below the incoming one that every proposal names."""

ROLES = {"zelda": "submitter", "dana": "approver", "kim": "approver", "lee": "approver", "ola": "auditor"}
TOKENS = {"zelda": 240, "dana": 120, "kim": 120, "lee": 120, "ola": 160}
"""How many each person has: the service lets a token write twice and read ten times a second."""


@dataclasses.dataclass
class Project:
    """What callers have to know."""

    root: Path
    incoming: Path
    judged: list[str]
    """Ids of updates that wait for decisions."""
    tokens: dict[str, list[str]]
    entries: int
    """Size of the ledger when the load begins."""


def make_project(root, *, judged, database_url=""):
    """Make the project below ``root`` with so many updates that wait for decisions."""
    settings = _written(root, database_url)
    incoming = root / "incoming"
    _weights(incoming / OFFERED, "candidate")
    with workspace(settings, settle=False) as opened:
        policy = open_policy(settings)
        live, version = _live(opened, policy, root)
        ids = judged_like(opened.store, live, policy, count=judged, champion=version)
        made = _tokens(opened)
        with opened.store.reading() as session:
            size = entries.size(session)
    return Project(root=root, incoming=incoming, judged=ids, tokens=made, entries=size)


def _written(root, database_url):
    """Write what ``gatekeeper init`` writes, with people of ours."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "gatekeeper.toml").write_text(
        'home = ".gatekeeper"\npolicy = "policy.yaml"\nkeys_dir = "keys"\nruntime = "queue"\n'
        f'database_url = "{database_url}"\n'
    )
    text = read_text("builtin:baseline")[1]
    assert "required: 1 " in text
    (root / "policy.yaml").write_text(text.replace("required: 1 ", "required: 2 "))
    people = [
        f'[people.{name}]\nroles = ["{role}"]\nkey = {json.dumps(person(name).key)}\n' for name, role in ROLES.items()
    ]
    (root / "principals.toml").write_text("\n".join(people))
    settings = load_settings(root)
    create_keys(settings.home_dir / "keys")
    create_store(settings.resolved_database_url).close()
    pin_trust(settings, None)
    return settings


def _weights(folder, note):
    """Write full weights of a few bytes, in the format that gates read."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "note": note}))
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    return folder


def _live(opened, policy, root):
    """Put a first champion live, in the registry and in the database; return its id and its version."""
    artifact = _weights(root / "first", "champion")
    proposal = Proposal(name="first", model=MODEL, artifact=artifact, data=None, submitter="zelda")
    update = run.propose(opened, proposal, policy, first=True)
    opened.registry.ensure_model(MODEL)
    version = opened.registry.log_candidate(update, evidence_dir=None, metrics={}, tags={}).version
    with opened.store.transaction() as session:
        make_live(session, update.id, policy, version=version)
        row = updates.require(session, update.id)
        intent = intend(
            opened,
            session,
            row,
            kind=PromotionKind.CERTIFY,
            alias=CHAMPION,
            expected_previous=None,
            binding=binding_of(session, row)[2],
            moment=datetime.now(UTC),
        )
        opened.registry.move_alias(MODEL, CHAMPION, version, None)
        promotions.finish(session, intent.id, PromotionState.OBSERVED)
    return update.id, version


def _tokens(opened):
    """Make everybody's tokens; return their texts."""
    made = {}
    moment = datetime.now(UTC)
    with opened.store.transaction() as session:
        for name, count in TOKENS.items():
            holder = opened.remember(session, name)
            made[name] = [tokens.new_token() for _ in range(count)]
            for token in made[name]:
                tokens.add(
                    session, token, holder=holder, roles=(ROLES[name],), now=moment, expires=moment + timedelta(days=1)
                )
    return made
