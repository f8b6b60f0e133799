"""What the HTTP client takes from the machine it runs on, over real HTTP."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ingestion import lake
from ingestion.http import Api, HttpSettings, surroundings
from ingestion.settings import Settings
from tests.ingestion.conftest import END, START


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that answers by itself: its address, and the URLs it was asked for."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"by": "proxy"}')

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names neither proxies nor certificates."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.usefixtures("bare")
def test_requests_go_through_the_environments_proxy(
    proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = proxy
    monkeypatch.setenv("http_proxy", address)
    api = Api("hubspot", "http://vendor.example", HttpSettings())
    assert [api.get("/a"), api.get("/b")] == [{"by": "proxy"}] * 2
    assert asked == ["http://vendor.example/a", "http://vendor.example/b"]


@pytest.mark.usefixtures("bare")
def test_hosts_may_be_kept_from_the_proxy_and_certificates_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/company.pem")
    outside, inside = surroundings("https://vendor.example/v3"), surroundings("https://inside.example/v3")
    assert outside["proxies"] == {"https": "http://proxy.example:3128", "no": "inside.example"}
    assert inside["proxies"] == {}
    assert outside["verify"] == "/etc/company.pem"


def test_a_netrc_does_not_replace_the_vendors_authorisation(
    fresh: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    assert lake.pull("hubspot", START, END, settings=fresh).rows["contacts"] > 0
