"""The design's seven invariants, asked of every new row, leaf and alias move after every step.

Nothing here asks the service: rows come by plain SQL, leaves by their bytes, signatures are checked by hand, bytes
behind an alias were hashed when it moved, and who may do what is the machine's own knowledge.
"""

import base64
import json
from collections import Counter, defaultdict

from hypothesis.stateful import invariant
from machine_decisions import Decisions
from machine_policies import MODEL, expected
from machine_promises import ALLOWED, EXCEPTIONAL, Tally, require
from machine_readings import moment
from people import key_of

from audits.ledger.check import verify_entries
from audits.passport.check import Where, check_passport
from gatekeeper.core.errors import VerificationError
from gatekeeper.pipeline.revocations import signed_list


class ServiceMachine(Decisions):
    """The machine with everything that must stay true."""

    tally = Tally()

    def __init__(self):
        super().__init__()
        self.leaves = 0
        self.known = {"verdicts": set(), "observed": set()}
        self.open = defaultdict(set)
        """Promotions under way by registry, model and alias."""
        self.intended = set()
        """Promotions that the ledger knows."""
        self.looked_at = 0
        self.accepted = None
        self.tally.examples += 1

    def teardown(self):
        with self.world.workspaces[0].store.reading() as session:
            faults = verify_entries(session).faults
        super().teardown()
        require(0, not faults, f"the ledger has faults: {[fault.text for fault in faults]}")

    @invariant()
    def what_must_always_be_true(self):
        now = self.world.reader.read()
        for rule in self.fired:
            self.tally.rules[rule] += 1
        self.fired.clear()
        new = self.new_leaves(now)
        self.states_are_in_order(now)
        self.decisions_bind_digests_and_are_peoples(now)
        self.verdicts_are_no_better_than_their_reports(now)
        self.promotions_were_allowed(now, new)
        self.aliases_moved_as_intended(now)
        self.what_is_live_is_on_record(now)
        self.unreviewed_glass_ends(now)
        self.verifiers_agree(now)

    def new_leaves(self, now):
        new = [json.loads(leaf) for leaf in now.leaves[self.leaves :]]
        for leaf in new:
            require(0, leaf["seq"] == self.leaves, f"leaf {leaf['seq']} stands at {self.leaves}")
            self.told[leaf["subject"]].append(leaf)
            self.leaves += 1
        return new

    def states_are_in_order(self, now):
        """0 and 4: every change of state was one that the design draws; promotions of one alias came one by one."""
        for line in now.journal:
            before, after = line["state_before"], line["state_after"]
            if line["what"] == "update" and before is not None:
                require(0, (before, after) in ALLOWED, f"{line['id']} went from {before} to {after}")
                self.tally.transitions += 1
                self.tally.moves[before, after] += 1
            elif line["what"] == "update":
                require(0, after == "SUBMITTED", f"{line['id']} began as {after}")
            elif line["what"] == "promotion":
                under_way = self.open[line["place"]]
                if after == "PROMOTING":
                    under_way.add(line["id"])
                else:
                    under_way.discard(line["id"])
                require(4, len(under_way) <= 1, f"{sorted(under_way)} move {line['place']} at the same time")
        live = [row["id"] for row in now.updates.values() if row["state"] == "ACTIVE"]
        require(0, len(live) <= 1, f"{live} are live")

    def verdicts_are_no_better_than_their_reports(self, now):
        """6, of every verdict as soon as it is there."""
        for run, row in now.verdicts.items():
            if run in self.known["verdicts"]:
                continue
            self.known["verdicts"].add(run)
            reports = {gate: json.loads(each["report"]) for gate, each in now.reports(run).items()}
            told = json.loads(row["verdict"])
            wrong = expected(
                reports, outcome=row["outcome"], errored=bool(row["errored"]), not_run=told.get("not_run") or []
            )
            require(6, not wrong, f"{run}: {wrong}")
            update = now.updates[now.runs[run]["update_id"]]
            leaves = [each["data"] for each in self.told[update["id"]] if each["type"] == "verdict.decided"]
            said = [(each["outcome"], each["errored"]) for each in leaves if each["run"] == run]
            require(3, said == [(row["outcome"], bool(row["errored"]))], f"the ledger says of {run}: {said}")
            after = [
                line["state_after"]
                for line in now.journal
                if line["id"] == update["id"] and line["state_before"] == "EVALUATING"
            ]
            meant = "ERRORED" if row["errored"] else "BLOCKED" if row["outcome"] == "BLOCK" else "PENDING_APPROVAL"
            require(6, after in ([meant], ["WITHDRAWN"]), f"{update['id']} became {after} after {row['outcome']}")

    def promotions_were_allowed(self, now, new):
        """1, 3 and 5, of every intent as soon as it is there; 3 of every move once it was observed."""
        rows = {row["id"]: row for row in now.tables["promotions"]}
        for leaf in new:
            if leaf["type"] == "promotion.intended":
                self.was_allowed(now, rows[leaf["data"]["promotion"]], leaf)
        intended = {leaf["data"]["promotion"] for leaf in new if leaf["type"] == "promotion.intended"}
        self.intended |= intended
        require(3, self.intended == rows.keys(), f"{self.intended ^ rows.keys()} are in ledger or database alone")
        for row in rows.values():
            if row["state"] == "OBSERVED" and row["id"] not in self.known["observed"]:
                self.known["observed"].add(row["id"])
                self.is_on_record(now, row)

    def was_allowed(self, now, row, leaf):
        data, ts = leaf["data"], moment(leaf["ts"])
        update, run = now.updates[row["update_id"]], now.latest_run(row["update_id"])
        bound = (update["manifest_digest"], run["policy_digest"], now.verdicts[run["id"]]["evidence_digest"])
        says = (data["update_digest"], data["policy_digest"], data["evidence_digest"])
        require(1, says == bound, f"{row['id']} is about {says}, not {bound}")
        if row["kind"] in ("promote", "certify", "break-glass"):
            require(5, run["policy_digest"] in self.applied, f"{row['id']} rests on a policy that does not apply")
        if row["kind"] in ("promote", "certify"):
            hours = json.loads(run["policy"])["approvals"]["expires_hours"]
            ends = moment(run["finished"]).timestamp() + hours * 3600
        else:
            request = now.requests[row["request_id"]]
            ends = moment(request["valid_until"] or request["expires"]).timestamp()
        require(5, ts.timestamp() < ends, f"{row['id']} was intended {ts.timestamp() - ends:.0f} s after the end")
        self.was_agreed(now, row, leaf)

    def was_agreed(self, now, row, leaf):
        """3 and 2: enough different people, each in the ledger, agreed to what is moved before it was intended."""
        update, run, kind = now.updates[row["update_id"]], now.latest_run(row["update_id"]), row["kind"]
        earlier = [each for each in self.told[update["id"]] if each["seq"] < leaf["seq"]]
        verdicts = [each["data"] for each in earlier if each["type"] == "verdict.decided"]
        require(3, verdicts and verdicts[-1]["run"] == run["id"], f"{row['id']} has no verdict in the ledger")
        blocked = verdicts[-1]["outcome"] == "BLOCK"
        require(6, verdicts[-1]["errored"] is False, f"{row['id']} rests on a verdict that is none")
        require(6, blocked is (kind in EXCEPTIONAL), f"{row['id']} is a {kind} of what was {verdicts[-1]['outcome']}")
        approvals = json.loads(run["policy"])["approvals"]
        if kind in ("promote", "certify"):
            given = [each for each in earlier if each["type"] == "approval.given" and each["data"]["run"] == run["id"]]
            kept = {each["id"]: each for each in now.decisions("approvals", run_id=run["id"], decision="approve")}
            given = [each for each in given if each["data"]["approval"] in kept]
            for each in given:
                ends = moment(kept[each["data"]["approval"]]["expires"])
                require(5, moment(leaf["ts"]) < ends, f"{row['id']} rests on an approval that had expired")
            needed = max(2, approvals["required"]) if kind == "certify" else approvals["required"]
            may = set(approvals["roles"])
        else:
            given = [
                each
                for each in earlier
                if each["type"] == "request.approved" and each["data"]["request"] == row["request_id"]
            ]
            needed = 1 if kind == "rollback" else max(2, approvals["required"]) if kind == "anchor" else 2
            may = {"admin"} if kind in EXCEPTIONAL else None
        people = {each["actor"] for each in given}
        require(2, update["submitter"] not in people, f"{row['id']}: the proposer agreed")
        if may is not None:
            held = {each: self.roles.get(now.names[each], set()) for each in people}
            people = {each for each in people if held[each] & may and held[each] - {"service"} == held[each]}
        require(2, len(people) >= needed, f"{row['id']} has {len(people)} of {needed} people who may still decide")

    def is_on_record(self, now, row):
        own = self.told[row["update_id"]]
        intents = [
            each for each in own if each["type"] == "promotion.intended" and each["data"]["promotion"] == row["id"]
        ]
        require(3, len(intents) == 1, f"{row['id']} was intended {len(intents)} times")
        require(3, intents[0]["seq"] == row["intent_seq"], f"{row['id']} names another leaf as its intent")
        seen = [
            each
            for each in own
            if each["type"] == "promotion.observed"
            and each["data"]["promotion"] == row["id"]
            and each["seq"] > row["intent_seq"]
        ]
        require(3, len(seen) == 1, f"{row['id']} was observed {len(seen)} times in the ledger")
        where = (seen[0]["data"]["version"], seen[0]["data"]["alias"], seen[0]["data"]["update_digest"])
        update = now.updates[row["update_id"]]
        require(
            3,
            where == (row["version"], row["alias"], update["manifest_digest"]),
            f"{row['id']} was observed as {where}",
        )
        kinds = Counter(each["type"] for each in own)
        for kind in ("update.submitted", "run.started", "gate.reported", "verdict.decided", "candidate.logged"):
            require(3, kinds[kind], f"{row['id']} is observed, and the ledger has no {kind}")

    def aliases_moved_as_intended(self, now):
        """1 and 3, of every move of an alias: what lay behind it, who intended it, which passport covered it."""
        for move in self.world.registry.history[self.looked_at :]:
            if move.by_hand:
                continue
            rows = [row for row in now.updates.values() if row["registered_version"] == move.after]
            require(3, len(rows) == 1, f"version {move.after} belongs to {len(rows)} updates")
            (row,) = rows
            require(1, move.files == self.world.files[row["id"]], f"{move.alias} moved to other bytes than proposed")
            passport = json.loads(move.passport or "{}")
            require(3, passport, f"{move.alias} moved to {move.after} without a passport")
            binding = self.signed_binding(passport)
            require(
                3,
                (binding["model"], binding["version"], binding["alias"]) == (MODEL, move.after, move.alias),
                f"the passport is for {binding}",
            )
            intended = [each for each in move.under_way if each["version"] == move.after]
            if move.under_way:
                require(
                    3, len(intended) == 1, f"{move.alias} moved to {move.after}, and {move.under_way} was intended"
                )
                require(3, binding["nonce"] == intended[0]["nonce"], "the passport is for another move")
                require(3, binding["expected_previous"] == move.before, f"the passport follows {binding}")
            else:  # put back after somebody moved it
                ever = [
                    each
                    for each in now.moves(row["id"])
                    if each["state"] == "OBSERVED" and each["alias"] == move.alias
                ]
                require(3, ever, f"{move.alias} moved to {move.after} and nobody had promoted it")
        self.looked_at = len(self.world.registry.history)

    def signed_binding(self, passport):
        """Return what a passport binds, when the installation's key signed it: DSSE, checked by hand."""
        envelope = passport["envelope"]
        payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
        (signature,) = envelope["signatures"]
        text = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        key_of("passport").public_key().verify(base64.b64decode(signature["sig"]), text)
        return json.loads(payload)["predicate"]["gatekeeper"]["binding"]

    def what_is_live_is_on_record(self, now):
        """3, of every update that is or was live; and aliases are where the last observed move left them."""
        for row in now.updates.values():
            if row["state"] in ("ACTIVE", "SUPERSEDED", "ROLLED_BACK", "REVOKED"):
                moves = [each for each in now.moves(row["id"]) if each["alias"] == "champion"]
                require(
                    3,
                    any(each["state"] == "OBSERVED" for each in moves),
                    f"{row['id']} is {row['state']} and was never observed live",
                )
        if self.world.by_hand or any(self.open.values()):
            return
        for alias in ("champion", "anchor"):
            made = [each for each in now.tables["promotions"] if (each["alias"], each["state"]) == (alias, "OBSERVED")]
            last = max(made, key=lambda each: each["intent_seq"], default=None)
            at = self.world.registry.aliases.get(MODEL, {}).get(alias)
            require(0, at == (last and last["version"]), f"{alias} is at {at}, and {last} was observed last")
            if alias == "champion" and last is not None:
                live = [row["registered_version"] for row in now.updates.values() if row["state"] == "ACTIVE"]
                require(0, live in ([last["version"]], []), f"{live} is live, and champion is at {last['version']}")

    def unreviewed_glass_ends(self, now):
        """7: when its time is over, no verifier takes it; and once anybody acted, it is out of production."""
        for request in now.requests.values():
            if request["action"] != "break-glass":
                continue
            longest = moment(request["valid_until"]) - moment(request["opened"])
            require(7, longest.total_seconds() <= 72 * 3600, f"{request['id']} lets something live for {longest}")
            if request["state"] != "DONE":
                continue
            row, limit = now.updates[request["update_id"]], moment(request["valid_until"])
            moves = [each for each in now.moves(row["id"]) if each["state"] == "OBSERVED"]
            broke = [each for each in moves if each["request_id"] == request["id"]]
            reviewed = any(each["kind"] == "review" for each in moves)
            if reviewed or not broke or self.world.clock.now() < limit or row["state"] != "ACTIVE":
                continue
            require(
                7,
                self.settled is None or self.settled < limit,
                f"{row['id']} is live {self.world.clock.now() - limit} after its time, and somebody acted since",
            )
            require(7, not self.is_accepted(broke[-1], row), f"a verifier takes {row['id']} after its time")

    def verifiers_agree(self, now):
        """3: whoever checks the live version offline accepts it, where nobody moved anything by hand."""
        if self.world.by_hand or any(self.open.values()):
            return
        champion = [
            each for each in now.tables["promotions"] if (each["alias"], each["state"]) == ("champion", "OBSERVED")
        ]
        last = max(champion, key=lambda each: each["intent_seq"], default=None)
        live = [row for row in now.updates.values() if row["state"] == "ACTIVE"]
        if last is None or not live or self.accepted == last["id"]:
            return
        request = now.requests.get(last["request_id"])
        broken = request is not None and last["kind"] == "break-glass"
        if broken and moment(request["valid_until"]) <= self.world.clock.now():
            return
        require(3, self.is_accepted(last, live[0]), f"no verifier accepts version {last['version']}, which is live")
        self.accepted = last["id"]

    def is_accepted(self, promotion, update):
        """Whether a verifier takes a version under its alias now."""
        registry, version, alias = self.world.registry, promotion["version"], promotion["alias"]
        tag = registry.describe(MODEL, version).tags[f"gatekeeper.passport.{alias}"]
        now = self.world.clock.now()
        try:
            check_passport(
                tag,
                self.world.workspaces[0].notary.trust,
                subject=update["manifest_digest"],
                revocations=signed_list(self.world.workspaces[0]),
                now=now,
                where=Where(registry=registry.id, model=MODEL, version=version, alias=alias),
            )
        except VerificationError:
            return False
        return True
