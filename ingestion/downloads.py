"""A file at an address that a vendor named: fetched without our credentials, which are no business of its host.

Such an address lets in whoever has it, so no error shows it. Belongs here: fetching. Does not: what a file holds
(`sources/`), the vendor's own API (`http.py`).
"""

from urllib.parse import urlsplit

import requests
from dlt.sources.helpers.requests import Client

from ingestion.errors import TransientSourceError
from ingestion.http import HttpSettings, surroundings


class Downloads:
    """Files of one source."""

    def __init__(self, source: str, settings: HttpSettings) -> None:
        self._source, self._settings = source, settings
        self._clients: dict[str, Client] = {}

    def text(self, url: str, what: str) -> str:
        """A text in UTF-8; `what` names it in errors. UnicodeDecodeError where it is no such text."""
        try:
            response = self._client(url).get(url)
        except requests.RequestException:
            raise self._error(f"{what} cannot be fetched (connection failed or cut)") from None
        if not response.ok:
            raise self._error(f"{what} cannot be fetched ({response.status_code}); run it again later")
        return response.content.decode("utf-8-sig")

    def _client(self, url: str) -> Client:
        """The client of the host, made once."""
        host, settings = urlsplit(url).netloc, self._settings
        if host not in self._clients:
            self._clients[host] = Client(
                request_timeout=settings.timeout_seconds,
                raise_for_status=False,
                request_max_attempts=settings.max_attempts,
                request_backoff_factor=settings.backoff_seconds,
                request_max_retry_delay=settings.max_wait_seconds,
                session_attrs=surroundings(url),
            )
        return self._clients[host]

    def _error(self, message: str) -> TransientSourceError:
        return TransientSourceError(self._source, message)
