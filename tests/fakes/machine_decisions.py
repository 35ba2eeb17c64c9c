"""Invariants 1 and 2, of every decision as soon as it is there: what it binds, and whose it is."""

import hashlib
import json
from collections import defaultdict

from machine_policies import POLICIES
from machine_promises import EXCEPTIONAL, require
from machine_readings import digest, signed_by
from machine_troubles import Troubles


class Decisions(Troubles):
    """The machine that looks at every decision."""

    def __init__(self):
        super().__init__()
        self.told = defaultdict(list)
        """Leaves by their subject, in order."""
        self.decided = {"approvals": set(), "request_decisions": set()}

    def decisions_bind_digests_and_are_peoples(self, now):
        """1 and 2, of every decision as soon as it is there."""
        for table in ("approvals", "request_decisions"):
            for row in now.tables[table]:
                if row["id"] in self.decided[table]:
                    continue
                self.decided[table].add(row["id"])
                request = None if table == "approvals" else now.requests[row["request_id"]]
                run = row["run_id"] if request is None else request["run_id"]
                update = now.updates[(row if request is None else request)["update_id"]]
                self.is_told(row, request, update)
                self.is_bound(now, row, request, run=run, update=update)
                self.is_a_persons(now, row, request, update)

    def is_told(self, row, request, update):
        """3: every decision has its leaf, with the signature that was given."""
        signature = "sha256:" + hashlib.sha256(row["envelope"].encode()).hexdigest()
        said = {("approve", True): "approval.given", ("reject", True): "approval.refused"}
        said |= {("approve", False): "request.approved", ("reject", False): "request.refused"}
        kind = said[row["decision"], request is None]
        leaves = [
            each
            for each in self.told[update["id"]]
            if (each["type"], each["actor"], each["data"].get("envelope_digest")) == (kind, row["approver"], signature)
        ]
        require(3, len(leaves) == 1, f"{row['id']} has {len(leaves)} leaves")

    def is_bound(self, now, row, request, *, run, update):
        name = now.names[row["approver"]]
        decision = signed_by(row["envelope"], name)
        require(1, decision is not None, f"{name}'s key did not sign {row['id']}")
        verdict, policy = now.verdicts[run], now.runs[run]["policy_digest"]
        evidence = digest(sorted(digest(json.loads(each["report"])) for each in now.reports(run).values()))
        bound = (update["manifest_digest"], policy, evidence)
        says = (decision["update_digest"], decision["policy_digest"], decision["evidence_digest"])
        require(1, says == bound, f"{row['id']} is about {says}, not {bound}")
        require(1, verdict["evidence_digest"] == evidence, f"the evidence of {run} is another than its verdict's")
        require(
            1,
            (decision["update"], decision["run"], decision["decision"]) == (update["id"], run, row["decision"]),
            f"{row['id']} is about something else than {update['id']}",
        )
        if request is None:
            kept = (row["update_digest"], row["policy_digest"], row["evidence_digest"])
            require(1, kept == bound and decision["request"] is None, f"{row['id']} keeps {kept}, not {bound}")
            require(1, run == now.latest_run(update["id"])["id"], f"{row['id']} is about a former run")
            if row["decision"] == "approve":
                require(1, policy in self.applied, f"{row['id']} rests on a policy that does not apply")
        else:
            require(1, decision["request"] == request["id"], f"{row['id']} is about another request")

    def is_a_persons(self, now, row, request, update):
        name = now.names[row["approver"]]
        roles = self.roles.get(name, set())
        require(2, name in self.acted, f"{name} decided ({row['id']}) and did not call with a token that counts")
        require(2, "service" not in roles, f"the program {name} decided")
        require(2, update["submitter"] != row["approver"], f"{name} proposed {update['id']} and decided about it")
        trainer = " ".join(now.trainer(update["id"]).split()).casefold()
        require(2, trainer != name, f"{name} trained {update['id']} and decided about it")
        action = None if request is None else request["action"]
        if action in EXCEPTIONAL or (request is not None and request["return_of"] is not None):
            require(2, "admin" in roles, f"{name} is no administrator and decided about a {action}")
            return
        asked = {role for key in self.applied for role in by_digest(key).approvals.roles}
        require(2, bool(roles & asked), f"{name} has the roles {roles}, and {asked} may decide")
        if request is None:
            authored = all("author" in by_digest(key).approvals.distinct_from for key in self.applied)
            require(
                2, not authored, f"{name} decided under a policy whose author may not, and nobody knows who wrote it"
            )


def by_digest(key):
    """Return a policy by its digest."""
    return next(each for each in POLICIES.values() if each.digest == key)
