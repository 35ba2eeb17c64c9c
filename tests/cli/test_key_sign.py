"""``gatekeeper key sign``: decisions alone, in words beside the envelope."""

import io
import json
import sys
from pathlib import Path

import pytest

from audits.passport.decision import SignedDecision, read_decision
from gatekeeper.core.digests import canonical, sha256_bytes

DECISION = SignedDecision(
    action="promote",
    decision="approve",
    update="upd-0123456789abcdef",
    run="run-0123456789abcdef",
    request=None,
    model="support-bot",
    alias="champion",
    update_digest=sha256_bytes(b"update"),
    policy_digest=sha256_bytes(b"policy"),
    evidence_digest=sha256_bytes(b"evidence"),
    expires="2026-11-29T03:27:00Z",
)


@pytest.fixture
def key(tmp_path, monkeypatch, gatekeeper):
    """Dana's public key; no project is needed to sign."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEKEEPER_KEYS_DIR", str(tmp_path / "own-keys"))
    return gatekeeper("key", "create", "--as", "dana", "--json").json["key"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_decision_is_signed_and_said(key, gatekeeper, end):
    Path("document").write_bytes(canonical(DECISION) + end)

    signed = gatekeeper("key", "sign", "document", "--as", "dana")

    assert signed.code == 0, signed
    assert read_decision(signed.out.strip(), (key,))[0] == DECISION
    assert "approve: promote upd-0123456789abcdef of support-bot, until 2026-11-29T03:27:00Z" in signed.err
    assert all(digest in signed.err for digest in (DECISION.update_digest, DECISION.evidence_digest))


def test_a_document_comes_through_standard_input(key, gatekeeper, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(canonical(DECISION))))

    signed = gatekeeper("key", "sign", "--as", "dana", "--json")

    assert read_decision(signed.json["envelope"], (key,))[0] == DECISION
    assert signed.json["decision"]["update_digest"] == DECISION.update_digest


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"pay somebody", 20, id="no-decision"),
        pytest.param(b"", 20, id="nothing"),
        pytest.param(json.dumps({"v": 1}).encode(), 20, id="half-a-decision"),
        pytest.param(b" " * 20_000, 64, id="too-long"),
    ],
)
def test_nothing_else_is_signed(key, gatekeeper, content, code):
    Path("document").write_bytes(content)

    refused = gatekeeper("key", "sign", "document", "--as", "dana")

    assert refused.code == code, refused
    assert refused.out == ""


def test_without_a_key_nothing_is_signed(key, gatekeeper):
    Path("document").write_bytes(canonical(DECISION))

    assert gatekeeper("key", "sign", "document", "--as", "kim").code == 64
    assert gatekeeper("key", "sign", "missing", "--as", "dana").code == 64
