"""The server around the vendors: addresses, settings, and a company that grows with the calendar."""

from __future__ import annotations

import socket
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.limits import VENDOR, RollingWindow
from sandbox.server import PORT, env, running
from sandbox.server import serve as serve_forever
from tests.sandbox.conftest import UNTIL, WORLD


def test_the_environment_points_every_connector_here(serve: Any, tmp_path: Path) -> None:
    client = serve(home=tmp_path)
    settings = client.server.env
    assert settings["SOURCES__HUBSPOT__BASE_URL"] == client.server.hubspot_url
    assert settings["SOURCES__MAILCHIMP__BASE_URL"].endswith("/mailchimp/3.0")
    for name in ("SOURCES__GA4__EXPORT_URL", "SOURCES__SPREADSHEETS__URL"):
        assert any(Path(settings[name]).iterdir())
    assert env("http://here", tmp_path, limits=VENDOR)["SOURCES__HUBSPOT__SEARCHES_PER_SECOND"] == "5"


def test_it_listens_on_this_machine_only(serve: Any) -> None:
    assert serve().server.base_url.startswith("http://127.0.0.1:")


def test_a_request_after_midnight_sees_the_new_day(serve: Any) -> None:
    client = serve()
    before = client.search("meetings").json()["total"]
    client.server.sandbox.clock = lambda: date(2026, 9, 8)
    assert client.search("meetings").json()["total"] > before
    client.server.advance(UNTIL)
    assert client.search("meetings").json()["total"] == before


def test_a_taken_port_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"port {port} of 127.0.0.1 is taken"), running(WORLD, UNTIL, port=port):
            pass


def test_serving_tells_a_person_where_and_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.server._Server.run", lambda self: self._socket.close())
    told: list[str] = []
    serve_forever(WORLD, tmp_path, port=0, until=UNTIL, log=told.append)
    text = "\n".join(told)
    assert "http://127.0.0.1:" in text
    assert "export SOURCES__MAILCHIMP__API_KEY=sandbox-mailchimp-key-us1" in text
    assert PORT == 8765


def test_a_rolling_window_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("sandbox.limits.time", SimpleNamespace(monotonic=lambda: now))
    window = RollingWindow(2, 10)
    assert window.take()
    now += 9
    assert [window.take(), window.take()] == [True, False]
    now += 1
    assert [window.take(), window.take(), window.remaining()] == [True, False, 0]
