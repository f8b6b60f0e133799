"""How Salesforce lets the connector in: a session by client credentials or by a signed assertion (JWT bearer).

It is opened when the first request needs it and once more when Salesforce says that it has expired. Secrets stand in
the form posted, never in a message.
"""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from ingestion.errors import SettingsError
from ingestion.http import Api, Json
from ingestion.sources.salesforce.settings import SalesforceSettings

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS = 180


class Session:
    """Headers of authorisation, shared by all threads."""

    def __init__(self, settings: SalesforceSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._headers: Mapping[str, str] | None = None

    def headers(self, refused: Mapping[str, str] | None) -> Mapping[str, str]:
        """The session's headers; a new session's where these were the ones refused."""
        with self._lock:
            if self._headers is None or self._headers == refused:
                self._headers = {"Authorization": f"Bearer {self._open()}"}
            return self._headers

    def _open(self) -> str:
        settings = self._settings
        api = Api("salesforce", settings.base_url, settings, explain=_explain, listed_as="errors")
        token: str = api.verified(
            lambda: api.post_form(TOKEN_PATH, self._form()),
            lambda answer: None if isinstance(answer["access_token"], str) else "no session was opened",
        )["access_token"]
        return token

    def _form(self) -> dict[str, str]:
        settings = self._settings
        if settings.private_key is not None:
            if not settings.username:
                raise SettingsError("SOURCES__SALESFORCE__USERNAME is not set, which …PRIVATE_KEY needs")
            return {"grant_type": JWT_GRANT, "assertion": _assertion(settings, settings.private_key.get_secret_value())}
        if settings.client_secret is None:
            raise SettingsError(
                "SOURCES__SALESFORCE__CLIENT_SECRET is not set, nor are …USERNAME and …PRIVATE_KEY (JWT bearer)"
            )
        secret = settings.client_secret.get_secret_value()
        return {"grant_type": "client_credentials", "client_id": settings.client_id, "client_secret": secret}


def _assertion(settings: SalesforceSettings, key: str) -> str:
    """What the app claims, signed with its key."""
    from google.auth import crypt, jwt

    try:
        pem = key if "-----BEGIN" in key else Path(key).read_text(encoding="utf-8")
        signer = crypt.RSASigner.from_string(pem)  # type: ignore[no-untyped-call]
    except (OSError, ValueError):
        raise SettingsError("SOURCES__SALESFORCE__PRIVATE_KEY is neither an RSA key (PEM) nor a file of one") from None
    now = int(time.time())
    claims = {
        "iss": settings.client_id,
        "sub": settings.username,
        "aud": settings.audience,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    }
    assertion: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    return assertion.decode()


def _explain(status: int, body: Json | None) -> str | None:
    error = str((body or {}).get("error", ""))[:60]
    said = f"{status} {error}".strip()
    if error == "invalid_grant":
        return (
            f"no session was opened ({said}): check SOURCES__SALESFORCE__USERNAME, …PRIVATE_KEY and …AUDIENCE, and that"
            " the user is admitted to the connected app"
        )
    if status in (400, 401):
        return (
            f"no session was opened ({said}): set SOURCES__SALESFORCE__CLIENT_ID and …CLIENT_SECRET to those of a"
            " connected app that allows the client credentials flow"
        )
    if status == 403:
        return f"no session was opened ({said}): the app's user lacks the permission API Enabled"
    if status == 404:
        return f"{TOKEN_PATH} does not exist ({said}): set SOURCES__SALESFORCE__BASE_URL to the org's My Domain address"
    return None
