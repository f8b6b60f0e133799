"""What Matomo checks before it answers: token, access to the site, parameters; and the error bodies it refuses with.

Belongs here: every refusal, and the parameters methods share. Does not: answers (`matomo`). Most refusals come with
HTTP 200; since Matomo 5 those of access come with 401. Where Matomo would ignore a parameter it does not know, the
sandbox refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from urllib.parse import parse_qsl

from starlette.requests import Request

from sandbox.apis.answers import Json, RefusalError, sandbox_of

SITE_ID = 1
CAMPAIGNS = "MarketingCampaignsReporting"
PLUGINS = frozenset({"API", "SitesManager", "Goals", "VisitsSummary", "Referrers", "Live", CAMPAIGNS})
# Parameters that any method takes, about the format of its answer.
_COMMON = {"module", "method", "format", "language", "token_auth", "filter_limit", "showColumns", "hideColumns"}
_BAD_TOKEN = "Unable to authenticate with the provided token. It is either invalid"  # noqa: S105 - an error's words
_REFUSALS = {
    401: f"{_BAD_TOKEN} or expired.",
    403: "You cannot use this Matomo as your IP address is not allowed.",
    404: "The requested page was not found.",
    429: "Too many requests.",
    500: "SQLSTATE[HY000]: General error: 2006 MySQL server has gone away",
}


def error(message: str) -> Json:
    return {"result": "error", "message": message}


def refusal(status: int) -> Json:
    """Matomo's error body, or what the server before it would say in its words."""
    return error(_REFUSALS.get(status, "The request cannot be served."))


def bad(message: str) -> RefusalError:
    """Matomo refuses most things with HTTP 200."""
    return RefusalError(200, error(message))


class Call:
    """One call of a method, by a user whose token was accepted."""

    def __init__(self, request: Request, body: bytes) -> None:
        self.sandbox = sandbox_of(request)
        self._is_post = request.method == "POST"
        sent = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if self._is_post else {}
        self.parameters = {**request.query_params, **sent}
        self._token_in_body = "token_auth" in sent
        if self.parameters.get("module") != "API" or self.parameters.get("format") not in ("json", "JSON"):
            raise bad("This sandbox serves module=API with format=json only.")
        self.method = self.required("method")
        self.plugin = self.method.partition(".")[0]

    @property
    def is_old(self) -> bool:
        """Matomo 4 and older: every refusal with HTTP 200, numbers of the database as texts."""
        return int(self.sandbox.credentials.matomo_version.partition(".")[0]) < 5

    def authenticate(self) -> None:
        """Who calls; a token in the URL does not count (`only_allow_secure_auth_tokens`)."""
        roles: Mapping[str, str] = self.sandbox.credentials.matomo_tokens
        token = self.parameters.get("token_auth", "")
        if not self._token_in_body:
            raise self.no_access(f"{_BAD_TOKEN}, expired or is required to be sent as a POST parameter.")
        if token not in roles:
            raise self.no_access(_REFUSALS[401])
        self._role = roles[token]
        if self.plugin not in self.sandbox.credentials.matomo_plugins:
            raise bad(
                f"The plugin {self.plugin} is not enabled. You can activate the plugin on Settings > Plugins page in"
                " Matomo."
            )

    def no_access(self, message: str) -> RefusalError:
        return RefusalError(200 if self.is_old else 401, error(message))

    def require_view(self) -> None:
        """View access to the site that is asked about; only a super user learns that there is no such site."""
        site = self.required("idSite")
        if self._role == "superuser" and site != str(SITE_ID):
            raise bad(f"An unexpected website was found in the request: website id was set to '{site}' .")
        if self._role not in ("view", "superuser") or site != str(SITE_ID):
            raise self.no_access(
                f"You can't access this resource as it requires 'view' access for the website id = {site}."
            )

    def only(self, *names: str) -> None:
        for name in self.parameters:
            if name not in _COMMON and name not in names:
                raise bad(f"This sandbox does not serve the parameter '{name}' of {self.method}.")

    def required(self, name: str) -> str:
        value = self.parameters.get(name)
        if not value:
            raise bad(f"Please specify a value for '{name}'.")
        return value

    def whole(self, name: str, default: int, least: int = 0) -> int:
        text = self.parameters.get(name, str(default))
        if not text.lstrip("-").isdecimal() or int(text) < least:
            raise bad(f"The parameter '{name}' isn't an integer, or too small.")
        return int(text)

    def days(self) -> tuple[date, date]:
        """The days asked about, both included; the only period served is the day."""
        period = self.required("period")
        if period not in ("day", "range"):
            raise bad(f"The period '{period}' is not supported. Try any of the following instead: day, range.")
        first, _, last = self.required("date").partition(",")
        span = self._day(first), self._day(last or first)
        if span[1] < span[0]:
            raise bad(f"The date '{first},{last}' is not a correct date range.")
        return span

    def _day(self, text: str) -> date:
        until: date = self.sandbox.view.snapshot.until
        if text in ("today", "yesterday"):
            return until - timedelta(days=text == "yesterday")
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise bad(
                "Date format must be: YYYY-MM-DD, or 'today' or 'yesterday' or any keyword supported by the strtotime"
                f" function (see http://php.net/strtotime for more information): {text}"
            ) from None
