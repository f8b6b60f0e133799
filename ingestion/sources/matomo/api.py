"""Requests to Matomo: settings, calls of its Reporting API, and what its errors mean.

Flow: `POST {url}/index.php?module=API&method=… → JSON`. The token travels in the body, as Matomo asks since version 5.
Errors come as an object or a list, most of them with HTTP 200. Belongs here: calls. Does not: which visits make a day
(`log.py`), fields (`rows.py`).
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import partial
from zoneinfo import ZoneInfo

from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.errors import SourceError
from ingestion.http import MESSAGE_LENGTH, Api, HttpSettings, Json

PATH = "/index.php"
# Where an answer that is a bare list is found.
ROWS = "rows"
# What is a name to Matomo and no name in the time zone database: UTC+1, UTC-5.5.
_OFFSET = re.compile(r"UTC(?:([+-]\d+(?:\.\d+)?))?$")
Fault = Callable[[Json], str | None]


class MatomoSettings(HttpSettings):
    """SOURCES__MATOMO__… ."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__MATOMO__")

    base_url: str = Field(description="Where Matomo is installed, e.g. https://stats.example.com or …/matomo.")
    api_key: SecretStr = Field(description="token_auth of a user with the role view on the site.")
    site_id: PositiveInt = Field(description="Id of the site (idSite).")
    key_goals: str = Field(
        "", description="Goals that are key events, by id or name, comma-separated, `order` for orders; empty: all."
    )
    lookback_days: int = Field(4, ge=0, description="Days before the end of a pull that it replaces too.")
    weekly_lookback_days: int = Field(30, ge=0, description="The same, once in seven days.")
    settle_minutes: int = Field(
        60, ge=30, description="Minutes after its end at which a day is read: a visit lasts up to 30 without action."
    )
    log_retention_days: int = Field(
        0, ge=0, description="Days after which this Matomo deletes visits (its privacy settings); 0: never."
    )
    page_rows: int = Field(500, ge=1, le=10_000, description="Visits per request; lower it where requests time out.")
    concurrent_days: int = Field(2, ge=1, le=8, description="Days read side by side.")


class Matomo:
    """The Reporting API of one site."""

    def __init__(self, settings: MatomoSettings) -> None:
        self.site_id = str(settings.site_id)
        self._token = settings.api_key.get_secret_value()
        self._api = Api(
            "matomo",
            settings.base_url,
            settings,
            explain=self._explain,
            listed_as=ROWS,
        )

    def ask(self, method: str, fault: Fault = lambda _answer: None, **parameters: str) -> Json:
        """The answer of a method; one that failed for a passing reason, or has a fault, is asked for again."""
        fetch = partial(self._call, method, parameters)
        return self._api.verified(fetch, lambda answer: self._failure(method, answer) or fault(answer))

    def ask_of_site(self, method: str, fault: Fault = lambda _answer: None, **parameters: str) -> Json:
        return self.ask(method, fault, idSite=self.site_id, **parameters)

    def verified(self, fetch: Callable[[], Json], fault: Fault) -> Json:
        return self._api.verified(fetch, fault)

    def error(self, message: str) -> SourceError:
        return self._api.error(message)

    def _call(self, method: str, parameters: Mapping[str, str]) -> Json:
        # Names of devices and errors are translated: English is asked for.
        form = {"token_auth": self._token, "language": "en", **parameters}
        answer = self._api.post_form(PATH, form, {"module": "API", "method": method, "format": "json"})
        said = error_of(answer)
        mend = None if said is None else self._mend(said)
        if mend is not None:
            raise self._api.error(mend)
        return answer

    def _mend(self, said: str) -> str | None:
        """What to do about an error that asking again does not end."""
        text = said.lower()
        if "provided token" in text or "token_auth" in text:
            return "the token was refused: set SOURCES__MATOMO__API_KEY to a valid token_auth (Personal, Security)"
        if "requires 'view' access" in text or "must be logged in" in text:
            return (
                f"the token's user lacks access to site {self.site_id}: give it the role view (Administration, Users),"
                " or check SOURCES__MATOMO__SITE_ID; SOURCES__MATOMO__BASE_URL must not redirect, that loses the token"
            )
        if "unexpected website" in text:
            return f"site {self.site_id} does not exist: check SOURCES__MATOMO__SITE_ID"
        if plugin := re.search(r"plugin '?(\w+)'? is not enabled", said, re.IGNORECASE):
            return f"the plugin {plugin[1]} is off: switch it on (Administration, Plugins)"
        if "visits log is deactivated" in text or "visits log is disabled" in text:
            return "the visits log is off: switch it on for the site (Administration, Websites, or General settings)"
        if "execution time" in text:
            return (
                "a page of visits takes Matomo too long: lower SOURCES__MATOMO__PAGE_ROWS, or raise Matomo's"
                " live_query_max_execution_time"
            )
        if "does not exist or is not available" in text:
            return "this Matomo lacks a method: update it to version 4 or later"
        return None

    def _failure(self, method: str, answer: Json) -> str | None:
        said = error_of(answer)
        if said is None:
            return None
        quoted = " ".join(said.replace(self._token, "(token)").split())[:MESSAGE_LENGTH]
        return f"{method} failed (Matomo says: {quoted})"

    def _explain(self, status: int, body: Json | None) -> str | None:
        said = error_of(body or {})
        mend = None if said is None else self._mend(said)
        if mend is not None:
            return mend
        if status == 401:
            return (
                "the server before Matomo asks for a login (401): let Kpilote's requests to index.php?module=API pass,"
                " their token is SOURCES__MATOMO__API_KEY"
            )
        if status == 403:
            return (
                "the server refuses this machine (403): allow its address (Matomo's login_allowlist_ip, which counts"
                " for the API too, or the firewall before it)"
            )
        if status == 404:
            return f"there is no {PATH} (404): set SOURCES__MATOMO__BASE_URL to where Matomo is installed"
        return None


def error_of(answer: Json) -> str | None:
    """The message of Matomo's error, which is an object or the only one of a list; None where there is none."""
    rows = answer.get(ROWS)
    found = rows[0] if isinstance(rows, list) and len(rows) == 1 else answer
    if isinstance(found, dict) and found.get("result") == "error":
        return str(found.get("message") or "an error without a message")
    return None


def one_of(answer: Json) -> Json:
    """An answer about one thing: an object, or until Matomo 3 a list of one."""
    return dict(answer[ROWS][0]) if ROWS in answer else answer


def rows_of(answer: Json) -> list[Json]:
    """An answer about many things: a list, or an object of them by id."""
    return list(answer[ROWS]) if ROWS in answer else list(answer.values())


def zone_of(name: str) -> dt.tzinfo:
    """A site's time zone: of the time zone database, or a fixed offset. Raises ValueError for any other word."""
    if offset := _OFFSET.match(name):
        return dt.timezone(dt.timedelta(hours=float(offset[1] or 0)))
    try:
        return ZoneInfo(name)
    except (KeyError, OSError):  # some names are no file's, either
        raise ValueError("no time zone's name") from None
