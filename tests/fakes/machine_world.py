"""The installation of the service's state machine: two services over one database, people of every role, a clock.

What the machine knows by itself, and never asks the service, stands here: who is in the project now, whose token
counts, which policy applies, what bytes were proposed, what time it is.
"""

import atexit
import dataclasses
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient
from machine_policies import CATALOGUE, MODEL, POLICIES
from machine_readings import Reader, keep_journal
from moved_clock import MovedClock
from people import key_of, notary, person
from quick_world import quick_workspace, weights
from service_world import PLENTY, Person
from watched_registry import WatchedRegistry, bytes_of

from api.app import create_app
from api.settings import ServiceSettings
from audits.passport.decision import PAYLOAD_TYPE
from audits.passport.dsse import sign
from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import RegistryError
from gatekeeper.pipeline.tokens import end_token, make_token
from gatekeeper.store.database import create_store, open_store

ROLES = {
    "zelda": ("submitter",),
    "dana": ("approver", "safety"),
    "kim": ("approver",),
    "lee": ("submitter", "approver", "safety"),
    "tom": ("approver",),
    "ola": ("auditor",),
    "ada": ("admin",),
    "abe": ("admin",),
    "roy": ("submitter", "approver", "admin"),
    "robot": ("service",),
    "bot": ("service", "approver", "safety", "admin"),
}
"""``lee`` and ``roy`` would decide about what they propose, ``tom`` about what he trained, ``bot`` is a program."""
PEOPLE = {name: person(name, *roles) for name, roles in ROLES.items()}
WORDS = ("submitter", "approver", "approver:safety", "auditor", "admin", "service")
"""What every token says that it may be used for: what counts is what its holder may."""


MEMORY = Path("/dev/shm")
"""Nothing here is about surviving a power cut, and every commit waits for its disk."""


def new_folder(prefix):
    """Return a new folder, in memory where that can be."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if os.access(MEMORY, os.W_OK) else None))


class Template:
    """An empty database of the present version, made once and copied."""

    def __init__(self):
        self._file = None

    def copy(self, to):
        """Make a database at ``to``."""
        if self._file is None:
            folder = new_folder("machine-template-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            self._file = folder / "gatekeeper.db"
            create_store(f"sqlite:///{self._file}").close()
        shutil.copyfile(self._file, to)


TEMPLATE = Template()


class MachineWorld:
    """Everything that is there before anybody does anything."""

    def __init__(self):
        self.root = new_folder("service-machine-")
        self.clock = MovedClock().__enter__()
        self.database = self.root / "gatekeeper.db"
        TEMPLATE.copy(self.database)
        keep_journal(self.database)
        self.reader = Reader(self.database)
        self.registry = WatchedRegistry(root=self.root / "registry", database=self.database)
        self.people = dict(PEOPLE)
        self.policy = "one"
        signs = notary(self.root, self.registry.id, *POLICIES.values(), people=PEOPLE)
        opened = dataclasses.replace(self._opened(signs), catalogue=CATALOGUE)
        self.workspaces = [opened, dataclasses.replace(opened, store=open_store(f"sqlite:///{self.database}"))]
        self.incoming = self.root / "incoming"
        self.incoming.mkdir()
        self.clients = [self._service(each) for each in self.workspaces]
        self.tokens, self.token_ids, self.token_ends = {}, {}, {}
        for name in PEOPLE:
            self.give_token(name)
        self.files = {}
        """What was proposed: SHA-256 of every file by path, by the update's id."""
        self.changed_files = []
        """Files that somebody changed, and what stood in them before."""
        self.by_hand = False
        """Whether somebody moved an alias behind the gate's back."""

    def _opened(self, signs):
        url = f"sqlite:///{self.database}"
        return quick_workspace(self.root, self.registry, database_url=url, people=PEOPLE, signs=signs)

    def _service(self, workspace):
        rates = {"reads_per_minute": PLENTY, "writes_per_minute": PLENTY, "failures_per_minute": PLENTY}
        settings = ServiceSettings(
            policy=lambda: POLICIES[self.policy],
            refresh=lambda opened: dataclasses.replace(opened, principals=self.people),
            incoming=self.incoming,
            **rates,
        )
        client = TestClient(create_app(workspace, settings), raise_server_exceptions=False)
        return client.__enter__()

    def close(self):
        if not self.root.exists():
            return
        for client in self.clients:
            client.__exit__(None, None, None)
        for workspace in self.workspaces:
            workspace.store.close()
        self.reader.close()
        self.clock.__exit__(None, None, None)
        shutil.rmtree(self.root)

    @property
    def workspace(self):
        """The installation as a command on a terminal opens it."""
        return dataclasses.replace(self.workspaces[0], principals=self.people)

    @property
    def applied(self):
        """The policy that applies now."""
        return POLICIES[self.policy]

    def person(self, name, service=0):
        """Somebody with the token that they have, at one of the services."""
        return Person(self.clients[service], self.tokens[name], name)

    def give_token(self, name, **lasts):
        """Make a token for somebody."""
        length = timedelta(**lasts) if lasts else timedelta(days=400)
        text, row = make_token(self.workspaces[0], name, WORDS, lasts=length, by="ada")
        self.tokens[name], self.token_ids[name], self.token_ends[name] = text, row.id, self.clock.now() + length

    def end_token(self, name):
        """End somebody's token."""
        end_token(self.workspaces[0], self.token_ids[name], by="ada")
        self.token_ends[name] = self.clock.now()

    def counts(self, name):
        """Whether somebody's token counts now, as the machine knows it."""
        return name in self.people and self.token_ends[name] > self.clock.now()

    def folder(self, mood):
        """A new folder of full weights that measures like this."""
        made = weights(self.incoming)
        (made / "mood.json").write_text(json.dumps({"mood": mood, "of": made.name}))
        return made

    def sign(self, name, decisions):
        """Let somebody sign what is to be signed."""
        return [sign(canonical(each), PAYLOAD_TYPE, key_of(name)) for each in decisions]

    def remember_files(self, update, folder):
        """Write down what was proposed."""
        self.files[update] = bytes_of(folder)

    def change_file(self, path):
        """Change a file behind the gate's back."""
        if path.is_file():
            self.changed_files.append((path, path.read_bytes()))
            path.write_bytes(path.read_bytes() + b" changed")

    def put_files_back(self):
        """Put back what was changed."""
        while self.changed_files:
            path, before = self.changed_files.pop()
            if path.parent.is_dir():
                path.write_bytes(before)

    @contextmanager
    def trouble(self, fault, step, meanwhile=None):
        """Let the registry refuse a step, answer it too late, or let something happen in the middle of it."""
        seen = {"done": False}

        def before(now):
            if now != step or seen["done"]:
                return
            seen["done"] = True
            if fault == "refuse":
                raise RegistryError("the registry does not answer")
            if meanwhile is not None:
                meanwhile()

        if fault == "late":
            moved = self.registry.move_alias

            def late(*args, **more):
                moved(*args, **more)
                raise RegistryError("no answer came")

            self.registry.move_alias = late
        elif fault is not None or meanwhile is not None:
            self.registry.before = before
        try:
            yield
        finally:
            self.registry.before = lambda now: None
            self.registry.__dict__.pop("move_alias", None)

    def version_of(self, update):
        """Return the registered version of an update, or ``None``."""
        row = self.reader.one("SELECT registered_version FROM updates WHERE id = ?", update)
        return row and row["registered_version"]

    def is_well(self, policy="one"):
        """Undo every trouble but those of the aliases."""
        self.policy, self.people = policy, dict(PEOPLE)
        self.put_files_back()
        for name in PEOPLE:
            if not self.counts(name):
                self.give_token(name)

    def live(self):
        """Return the update that is live, or ``None``."""
        row = self.reader.one("SELECT id FROM updates WHERE state = 'ACTIVE' AND model = ?", MODEL)
        return row and row["id"]
