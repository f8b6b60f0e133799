"""One HTTP client for every vendor: retries, and errors that say what to mend.

Flow: `request → JSON object`. Transient faults (429, 5xx, a cut connection, a truncated or malformed answer) are
retried a bounded number of times, waiting as long as Retry-After asks or exponentially. Permanent ones (401, 403,
404, 400) become one SourceError. Neither headers nor bodies are ever logged. Belongs here: transport. Does not: a
vendor's paths and paging, nor how fast it may be asked (`pacing.py`).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
import requests
from dlt.sources.helpers.requests import Client
from pydantic import Field, PositiveFloat, PositiveInt

from ingestion.errors import SourceError, TransientSourceError
from ingestion.pacing import RateLimit
from ingestion.privacy import without_addresses, without_secrets
from ingestion.settings import SourceSettings

Json = dict[str, Any]
# Reads a refused answer (status, body or None) and says what to mend, or None to leave it to the general explanation.
Explain = Callable[[int, Json | None], str | None]
# The headers that open the door; given those that were refused, other ones.
Authorize = Callable[[Mapping[str, str] | None], Mapping[str, str]]

JSON = "application/json"
TOO_MANY_REQUESTS = 429
MESSAGE_LENGTH = 200
PAGE_ATTEMPTS = 4


class HttpSettings(SourceSettings):
    """What every HTTP source can be told about transport."""

    max_attempts: PositiveInt = Field(6, description="Attempts per request before the pull fails.")
    backoff_seconds: float = Field(1.0, ge=0, description="First wait after a transient fault; doubles each time.")
    max_wait_seconds: PositiveFloat = Field(120.0, description="Longest wait, also where Retry-After asks for more.")
    timeout_seconds: PositiveFloat = Field(60.0, description="A request that takes longer is given up and retried.")

    def for_check(self) -> Self:
        """The same for a quick look: a person waits for it."""
        return self.model_copy(update={"max_attempts": 2, "timeout_seconds": min(self.timeout_seconds, 15.0)})


class Api:
    """JSON over HTTP against one vendor.

    explain(status, body) says what to mend; is_final marks 429s no waiting helps; retry_refusal marks refusals that are
    really overload; learn(headers) sees every answer's headers; wait_header says how many seconds to wait after a 429.
    listed_as: where a vendor answers bare lists, the name under which an answer holds one. authorize gives headers when
    a request is made; is_expired marks answers after which it is asked for new ones, once.
    """

    def __init__(
        self,
        source: str,
        base_url: str,
        settings: HttpSettings,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        explain: Explain = lambda _status, _body: None,
        is_final: Callable[[int, Json | None], bool] = lambda _status, _body: False,
        retry_refusal: Callable[[int, Json | None], bool] = lambda _status, _body: False,
        learn: Callable[[Mapping[str, str]], None] = lambda _headers: None,
        wait_header: str = "Retry-After",
        listed_as: str | None = None,
        authorize: Authorize = lambda _refused: {},
        is_expired: Callable[[int, Json | None], bool] = lambda _status, _body: False,
    ) -> None:
        self.source = source
        self._base_url = base_url.rstrip("/")
        self._explain, self._is_final, self._retry_refusal, self._learn = explain, is_final, retry_refusal, learn
        self._headers = {"Accept": JSON, **(headers or {})}
        self._authorize, self._is_expired = authorize, is_expired
        self._auth, self._wait_header = auth, wait_header
        self._listed_as = listed_as
        self._attempts, self._backoff = settings.max_attempts, settings.backoff_seconds
        self._client = Client(
            request_timeout=settings.timeout_seconds,
            raise_for_status=False,
            status_codes=(),
            request_max_attempts=settings.max_attempts,
            request_backoff_factor=settings.backoff_seconds,
            request_max_retry_delay=settings.max_wait_seconds,
            retry_condition=self._is_transient,
            session_attrs=surroundings(base_url),
        )

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, limit: RateLimit | None = None) -> Json:
        return self._call("GET", path, limit, params=params)

    def post(self, path: str, body: Json, *, limit: RateLimit | None = None) -> Json:
        return self._call("POST", path, limit, json=body)

    def post_form(self, path: str, form: Mapping[str, str], params: Mapping[str, Any] | None = None) -> Json:
        return self._call("POST", path, None, data=form, params=params)

    def text(self, path: str, params: Mapping[str, Any], kind: str) -> tuple[str, Mapping[str, str]]:
        """A text (UTF-8) of that media type, and its headers."""
        response = self._sent("GET", path, None, accept=kind, params=params)
        if not response.ok:
            raise self._refused(response, path)
        return response.content.decode("utf-8"), response.headers

    def verified(self, fetch: Callable[[], Json], fault: Callable[[Json], str | None]) -> Json:
        """An answer without a fault (a page repeated, a page empty though more rows exist), asked for again a few
        times.

        Pages that lie would shrink or duplicate a table without any error, so persistent ones fail the pull.
        """
        for attempt in range(PAGE_ATTEMPTS):
            if attempt:
                time.sleep(self._backoff * 2**attempt)
            answer = fetch()
            try:
                found = fault(answer)
            except (AttributeError, KeyError, TypeError, ValueError):
                found = "an answer is not of the documented form"
            if found is None:
                return answer
        raise self.error(f"{found}, {PAGE_ATTEMPTS} times; nothing was loaded, run it again later", transient=True)

    def error(self, message: str, *, transient: bool = False) -> SourceError:
        """A SourceError of this source; an address that slipped into a vendor's message is removed."""
        kind = TransientSourceError if transient else SourceError
        return kind(self.source, without_addresses(message))

    def _call(self, method: str, path: str, limit: RateLimit | None, **arguments: Any) -> Json:
        response = self._sent(method, path, limit, **arguments)
        body = _decode(response, self._listed_as)
        if response.ok and body is not None:
            return body
        raise self._refused(response, path)

    def _sent(
        self, method: str, path: str, limit: RateLimit | None, accept: str | None = None, **arguments: Any
    ) -> requests.Response:
        """The answer to a request, with new headers of authorisation where the old ones had expired."""
        asked = {"Accept": accept} if accept else {}
        allowed = self._authorize(None)
        response = self._request(method, path, limit, {**asked, **allowed}, arguments)
        if self._is_expired(response.status_code, _decode(response, self._listed_as)):
            allowed = self._authorize(allowed)
            response = self._request(method, path, limit, {**asked, **allowed}, arguments)
        return response

    def _request(
        self, method: str, path: str, limit: RateLimit | None, headers: Json, arguments: Json
    ) -> requests.Response:
        if limit is not None:
            limit.wait()
        url = f"{self._base_url}{path}"
        headers = {**self._headers, **headers}
        try:
            response = self._client.request(method, url, headers=headers, auth=self._auth, **arguments)
        except requests.RequestException as error:
            message = f"{urlsplit(without_secrets(url)).netloc} cannot be reached ({_reason(error)})"
            raise self.error(message, transient=True) from None
        return response

    def _refused(self, response: requests.Response, path: str) -> SourceError:
        refusal = self._refusal(response.status_code, _decode(response, self._listed_as), path)
        refused = self.error(refusal, transient=self._is_transient(response, None))
        refused.status = response.status_code
        return refused

    def _is_transient(self, response: requests.Response | None, error: BaseException | None) -> bool:
        if response is None:
            return False
        self._learn(response.headers)  # before a refusal is judged: it may say whether waiting helps
        if response.ok:
            is_json = "json" in str(response.request.headers.get("Accept"))
            return is_json and _decode(response, self._listed_as) is None
        status, body = response.status_code, _decode(response, self._listed_as)
        if status == TOO_MANY_REQUESTS:
            if self._wait_header in response.headers:
                response.headers.setdefault("Retry-After", response.headers[self._wait_header])
            return not self._is_final(status, body)
        return status >= 500 or self._retry_refusal(status, body)

    def _refusal(self, status: int, body: Json | None, path: str) -> str:
        explained = self._explain(status, body)
        if explained:
            return explained
        if 200 <= status < 300:
            return f"{path} answered what is not JSON, {self._attempts} times; nothing was loaded, run it again later"
        setting = f"SOURCES__{self.source.upper()}__"
        said = _message(body)
        if status == TOO_MANY_REQUESTS:
            return f"{path} refused for too many requests (429), {self._attempts} times; run it again later{said}"
        if status == 401:
            return f"the credentials were refused (401): set {setting}ACCESS_TOKEN to a valid one{said}"
        if status == 403:
            return f"{path} is forbidden (403): the credentials lack a permission{said}"
        if status == 404:
            return f"{path} does not exist (404): check {setting}BASE_URL and the ids in the settings{said}"
        if status >= 500:
            return f"{path} failed at the vendor ({status}), {self._attempts} times; run it again later{said}"
        return f"{path} was refused ({status}){said}"


def surroundings(url: str) -> dict[str, Any]:
    """Proxies and certificates that the environment names for a host, as attributes of a session.

    requests looks for them before every request, which costs as much CPU as the request. Here it is asked once. A
    machine's .netrc is not looked at: it would replace a vendor's own header of authorisation.
    """
    found = requests.Session().merge_environment_settings(url, {}, None, None, None)
    return {"trust_env": False, "proxies": found["proxies"], "verify": found["verify"]}


def _decode(response: requests.Response, listed_as: str | None) -> Json | None:
    """The JSON object answered, or None; decoded once per answer, big pages are costly."""
    if "kpilote_body" not in response.__dict__:
        try:
            body = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            body = None
        if listed_as is not None and isinstance(body, list):
            body = {listed_as: body}
        response.__dict__["kpilote_body"] = body if isinstance(body, dict) else None
    decoded: Json | None = response.__dict__["kpilote_body"]
    return decoded


def _message(body: Json | None) -> str:
    """What the vendor said, shortened, ready to append."""
    error = (body or {}).get("error")
    inner = error.get("message") if isinstance(error, dict) else None
    text = inner or (body or {}).get("message") or (body or {}).get("detail") or ""
    return f"; the vendor says: {str(text)[:MESSAGE_LENGTH]}" if text else ""


def _reason(error: requests.RequestException) -> str:
    """Kind of a transport error without the URL, whose query may hold a secret."""
    return {"ReadTimeout": "timed out", "ConnectTimeout": "timed out"}.get(
        type(error).__name__, "connection failed or cut"
    )
