"""Figures, traces and lines of the real commands, each a process of its own."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from otlp_receiver import receiving

from gatekeeper.cli.telemetry import address_of
from gatekeeper.core.errors import UsageError

ASKED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def fetched(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as found:  # noqa: S310
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_service_is_seen_by_prometheus_a_collector_and_a_log(project, gatekeeper):
    token = gatekeeper("token", "create", "--for", "dana", "--json").json
    with receiving() as collector:
        told = ["serve", "--port", "0", "--json", "--metrics", "127.0.0.1:0", "--log", "json"]
        service = subprocess.Popen(
            [sys.executable, "-m", "gatekeeper", *told],
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = json.loads(service.stdout.readline())
        me = {"Authorization": f"Bearer {token['token']}", "traceparent": ASKED, "X-Request-Id": "asked-by-a-test"}
        assert fetched(f"{said['url']}/v1/me", **me)[0] == 200
        assert fetched(f"{said['url']}/v1/updates/upd-0123456789abcdef", **me)[0] == 404
        here, apart = fetched(f"{said['url']}/metrics"), fetched(said["metrics"])
        service.send_signal(signal.SIGTERM)
        _out, log = service.communicate(timeout=60)

    assert service.returncode == 0
    assert here[0] == 404
    assert 'gatekeeper_http_requests_total{method="GET",route="/v1/me",status="200"} 1.0' in apart[1]
    assert "process_resident_memory_bytes" in apart[1]
    first, second = (json.loads(line) for line in log.splitlines())
    assert (first["route"], first["status"], first["request"]) == ("/v1/me", 200, "asked-by-a-test")
    assert (first["token"], second["update"]) == (token["id"], "upd-0123456789abcdef")
    assert first["trace_id"] == ASKED[3:35]
    assert "dana" not in log
    assert token["token"] not in log
    span = collector.named("GET /v1/me")[0]
    assert (span.trace_id, span.parent_id, span.service) == (ASKED[3:35], ASKED[36:52], "gatekeeper-service")
    assert first["span_id"] == span.span_id


def test_a_worker_shows_its_figures(project):
    working = subprocess.Popen(
        [sys.executable, "-m", "gatekeeper", "worker", "--metrics", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
    )
    url = json.loads(working.stderr.readline())["says"].removeprefix("figures at ")

    assert "gatekeeper_worker_busy 0.0" in fetched(url)[1]
    working.terminate()
    _out, _rest = working.communicate(timeout=60)
    assert working.returncode == 0


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("127.0.0.1:9109", ("127.0.0.1", 9109), id="both"),
        pytest.param(":9109", ("127.0.0.1", 9109), id="a-port"),
        pytest.param("[::1]:9109", ("::1", 9109), id="ipv6"),
        pytest.param("metrics.internal:0", ("metrics.internal", 0), id="a-name"),
    ],
)
def test_addresses_are_read(text, meant):
    assert address_of(text) == meant


@pytest.mark.parametrize("text", ["9109", "host:", "host:http", "host:65536", "host:-1", "[::1:9109", "host:٩"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError, match="no address"):
        address_of(text)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("serve", "--metrics", "9109"), id="no-host"),
        pytest.param(("serve", "--log", "xml"), id="no-such-form"),
        pytest.param(("worker", "--metrics", "host:many"), id="no-port"),
    ],
)
def test_wrong_options_end_with_usage(project, gatekeeper, arguments, monkeypatch):
    assert gatekeeper(*arguments).code == 64


def test_a_collector_that_is_none_ends_with_usage(project, gatekeeper, monkeypatch):
    monkeypatch.setenv("GATEKEEPER_TRACES", "collector:4317")

    refused = gatekeeper("worker", "--until-idle")

    assert refused.code == 64
    assert "OTLP" in refused.err


def test_a_database_url_may_come_from_a_file(project, gatekeeper, monkeypatch, tmp_path):
    file = tmp_path / "url"
    file.write_text(f"sqlite:///{project}/.gatekeeper/gatekeeper.db\n", encoding="utf-8")
    monkeypatch.setenv("GATEKEEPER_DATABASE_URL_FILE", str(file))

    assert gatekeeper("status", "--json").code == 0
    monkeypatch.setenv("GATEKEEPER_DATABASE_URL", "sqlite:///x.db")
    assert gatekeeper("status").code == 64
    monkeypatch.delenv("GATEKEEPER_DATABASE_URL")
    file.write_text("\n", encoding="utf-8")
    assert gatekeeper("status").code == 64
    file.unlink()
    assert gatekeeper("status").code == 64
