"""Matomo's Reporting API: visits, daily totals, goals and the site, all behind one path.

Flow: `POST /index.php?module=API&method=… → token, access, parameters (matomo_rules) → rows of matomo_records`.
Belongs here: methods. Does not: what Matomo holds (`matomo_records`), refusals (`matomo_rules`). Segments and periods
other than days are refused honestly: this sandbox cannot compute them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.apis.answers import Answer, Json
from sandbox.apis.matomo_records import CURRENCY, GOALS, TIME_ZONE, Site
from sandbox.apis.matomo_rules import CAMPAIGNS, SITE_ID, Call, bad, refusal
from sandbox.apis.vendor import Place, Vendor
from sandbox.world.mailing import SITE

DEFAULT_VISITS, ALL = 10, -1
# Columns the plugin adds; Matomo alone knows a campaign's name and keyword only.
_CAMPAIGN_COLUMNS = "campaign"
# What Matomo reads from the database as a number, and PHP before 8.1 gives as a text.
_DATABASE_NUMBERS = ("idVisit", "idSite", "visitDuration", "actions", "interactions", "goalId", "pageId")


def _site(call: Call) -> Site:
    return call.sandbox.view.site


def version(call: Call) -> Any:
    call.only()
    return {"value": call.sandbox.credentials.matomo_version}


def site(call: Call) -> Any:
    call.only("idSite")
    call.require_view()
    return {
        "idsite": SITE_ID, "name": "Kpilote demo", "main_url": SITE, "ts_created": "2020-01-01 00:00:00",
        "ecommerce": 0, "sitesearch": 1, "timezone": TIME_ZONE, "currency": CURRENCY, "excluded_ips": "",
        "excluded_parameters": "", "group": "", "type": "website", "keep_url_fragment": 0, "creator_login": "admin",
        "timezone_name": "France", "currency_name": "Euro",
    }  # fmt: skip


def goals(call: Call) -> Any:
    call.only("idSite")
    call.require_view()
    return [
        {
            "idsite": SITE_ID, "idgoal": number, "name": name, "description": "", "match_attribute": "manually",
            "pattern": "", "pattern_type": "", "case_sensitive": 0, "allow_multiple": 0, "revenue": 0, "deleted": 0,
            "event_value_as_revenue": 0,
        }
        for number, name in GOALS.items()
    ]  # fmt: skip


def summary(call: Call) -> Any:
    return _by_day(call, _site(call).totals)


def referrers(call: Call) -> Any:
    return _by_day(call, _site(call).referrers)


def _by_day(call: Call, report: Callable[[date], Any]) -> Any:
    """The report of one day, or of each of several, keyed by day."""
    call.only("idSite", "period", "date")
    call.require_view()
    first, last = call.days()
    if call.required("period") != "day":
        raise bad("This sandbox reports on days only.")
    if "," not in call.required("date"):
        return report(first)
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return {day.isoformat(): report(day) for day in days}


def visits(call: Call) -> Any:
    """Visits by their last action, newest first unless asked otherwise; without a date, of all days."""
    call.only("idSite", "period", "date", "filter_offset", "filter_sort_order")
    call.require_view()
    held = _site(call)
    places = range(len(held.visits))
    if call.parameters.get("date") or call.parameters.get("period"):
        places = held.between(*call.days())
    if call.parameters.get("filter_sort_order", "desc").lower() != "asc":
        places = places[::-1]
    offset, limit = call.whole("filter_offset", 0), call.whole("filter_limit", DEFAULT_VISITS, ALL)
    page = places[offset:] if limit == ALL else places[offset : offset + limit]
    return [_shown(call, row) for row in held.rows(page)]


def _shown(call: Call, row: Json) -> Json:
    if CAMPAIGNS not in call.sandbox.credentials.matomo_plugins:
        row = {name: value for name, value in row.items() if not name.startswith(_CAMPAIGN_COLUMNS)}
    columns = [name for name in call.parameters.get("showColumns", "").split(",") if name]
    if columns:
        row = {name: value for name, value in row.items() if name in columns}
    hidden = call.parameters.get("hideColumns", "").split(",")
    row = {name: value for name, value in row.items() if name not in hidden}
    return _as_texts(row) if call.is_old else row


def _as_texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_texts(each) for each in value]
    if isinstance(value, dict):
        return {
            name: str(each) if name in _DATABASE_NUMBERS and each is not None else _as_texts(each)
            for name, each in value.items()
        }
    return value


METHODS: dict[str, Callable[[Call], Any]] = {
    "API.getMatomoVersion": version,
    "SitesManager.getSiteFromId": site,
    "Goals.getGoals": goals,
    "VisitsSummary.get": summary,
    "Referrers.getReferrerType": referrers,
    "Live.getLastVisitsDetails": visits,
}


async def index(request: Request) -> Response:
    call = Call(request, await request.body())
    call.authenticate()
    method = METHODS.get(call.method)
    if method is None:
        name = call.method.partition(".")[2]
        module = f"\\Piwik\\Plugins\\{call.plugin}\\API"
        raise bad(f"The method '{name}' does not exist or is not available in the module '{module}'.")
    return Answer(method(call))


def routes() -> list[BaseRoute]:
    return [Route("/index.php", index, methods=["GET", "POST"])]


def _env(place: Place) -> dict[str, str]:
    return {
        "SOURCES__MATOMO__BASE_URL": place.url,
        "SOURCES__MATOMO__API_KEY": next(iter(place.credentials.matomo_tokens)),
        "SOURCES__MATOMO__SITE_ID": str(SITE_ID),
    }


VENDOR = Vendor("matomo", routes, refusal, _env, lists=())
