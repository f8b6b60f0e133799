"""Matomo: `Live.getLastVisitsDetails → visits, goal_conversions`; `VisitsSummary.get, Referrers.getReferrerType →
daily_traffic`; `Goals.getGoals → goals`; `SitesManager.getSiteFromId → sites`.

Only days that have ended are read, in the site's time zone: Matomo ends every visit at midnight, and some minutes
later (`settle_minutes`) what was still on its way has been written, so no visit is read while it goes on. Log imports
bring visits late: every pull replaces the last days before its end too, and more of them once a week.
Matomo tells nothing of deletions: a day read again replaces what was known of it, older days stay. Belongs here: what
is read, in which window. Calls are in `api.py`, a day's visits in `log.py`, fields in `rows.py`.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from ingestion.errors import SettingsError
from ingestion.http import Json
from ingestion.pacing import batches, concurrently
from ingestion.privacy import without_addresses, without_secrets
from ingestion.sources.matomo import rows
from ingestion.sources.matomo.api import Matomo, MatomoSettings, one_of, rows_of, zone_of
from ingestion.sources.matomo.log import METHOD, Log
from ingestion.streams import Connector, Context, Rows, Stream, Window

REPORT_DAYS = 31
VISIT_TABLES = ("visits", "goal_conversions")
CAMPAIGNS = "MarketingCampaignsReporting"


def connect(context: Context) -> Connector:
    """The site with its goals in one stream; its days, reports first, in another."""
    settings = MatomoSettings.load()
    matomo = Matomo(settings)
    site = rows.site(one_of(matomo.ask_of_site("SitesManager.getSiteFromId")))
    goals = _goals(matomo)
    is_key = _is_key(settings, goals)
    zone = zone_of(site["time_zone"])
    log = Log(matomo, zone, settings.page_rows)
    login = {"user_id_hash": context.hasher.identifier}
    return Connector(
        {
            "site": partial(_site, context, site, [rows.goal(matomo.site_id, each, is_key) for each in goals]),
            "days": partial(_days, context, settings, matomo, log, is_key),
        },
        {
            "visits": {
                **login,
                **dict.fromkeys(
                    ("referrer_name", "referrer_keyword", "source", "medium", "campaign", "content", "landing_page"),
                    without_addresses,
                ),
            },
            "goal_conversions": {**login, "page": without_addresses},
        },
    )


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong. A token reads a site as a whole or not at all,
    but each method is a plugin's, which may be off.
    """
    settings = MatomoSettings.load().for_check()
    matomo = Matomo(settings)
    version = matomo.ask("API.getMatomoVersion")["value"]
    site = rows.site(one_of(matomo.ask_of_site("SitesManager.getSiteFromId")))
    goals = _goals(matomo)
    _is_key(settings, goals)
    _report(matomo, [dt.datetime.now(tz=zone_of(site["time_zone"])).date() - dt.timedelta(days=1)])
    newest = rows_of(matomo.ask_of_site(METHOD, filter_limit="1", showColumns=",".join(rows.VISIT_COLUMNS)))
    found = f"Matomo {version} at {without_secrets(settings.base_url)}, site {matomo.site_id} ({site['time_zone']}),"
    found += f" {len(goals)} goals"
    if newest and "campaignSource" not in newest[0]:
        found += f"; campaigns have neither source nor medium: the plugin {CAMPAIGNS} is not installed"
    return found


def _goals(matomo: Matomo) -> list[Json]:
    """The site's goals. A site without any is asked again: none may also be an answer gone wrong."""
    ask = partial(matomo.ask_of_site, "Goals.getGoals")
    return rows_of(ask()) or rows_of(ask())


def _is_key(settings: MatomoSettings, goals: list[Json]) -> rows.IsKey:
    """Which goals count, by the setting; one that names no goal is an error."""
    wanted = {name.strip().lower() for name in settings.key_goals.split(",") if name.strip()}
    known = {rows.ORDER} | {str(goal[name]).lower() for goal in goals for name in ("idgoal", "name")}
    if unknown := sorted(wanted - known):
        named = ", ".join(sorted(str(goal["name"]) for goal in goals)) or "none"
        raise SettingsError(
            f"SOURCES__MATOMO__KEY_GOALS names {', '.join(unknown)}, which site {settings.site_id} does not have; its"
            f" goals: {named}"
        )
    return lambda number, name: not wanted or number in wanted or (name or "").lower() in wanted


class Span(NamedTuple):
    """The days of a pull, end exclusive; the log holds those from `kept` on."""

    start: dt.date
    kept: dt.date
    end: dt.date


def _span(context: Context, settings: MatomoSettings, zone: dt.tzinfo) -> Span:
    """The window: moved back over days that may still change, but not before KPILOTE_START_DATE, and ending before
    days that have not ended and settled.
    """
    start = context.reaching_back_weekly(
        "days", ("daily_traffic", *VISIT_TABLES), settings.lookback_days, settings.weekly_lookback_days
    )
    settled = context.pulled_at - dt.timedelta(minutes=settings.settle_minutes)
    kept = start
    if settings.log_retention_days:
        # What Matomo has deleted is not asked for: what the lake knows of those days stays.
        today = context.pulled_at.astimezone(zone).date()
        kept = max(start, today - dt.timedelta(days=settings.log_retention_days - 1))
    return Span(start, kept, min(context.end, settled.astimezone(zone).date()))


def _site(context: Context, site: dict[str, Any], goals: list[dict[str, Any]]) -> Stream:
    yield Rows("sites", [site])
    yield Rows("goals", goals)
    for table in ("sites", "goals"):
        yield Window(table, context.start, context.end)


def _days(context: Context, settings: MatomoSettings, matomo: Matomo, log: Log, is_key: rows.IsKey) -> Stream:
    """Matomo's own totals of every day, then the visits of those that its log still holds."""
    span, workers = _span(context, settings, log.zone), settings.concurrent_days
    counted: dict[dt.date, int] = {}
    for report in _reports(matomo, span, workers):
        counted |= {row["report_date"]: row["visits"] for row in report}
        yield Rows("daily_traffic", report)
    if span.start < span.end:
        yield Window("daily_traffic", span.start, span.end)
    days = [(day, counted[day]) for day in _range(span.kept, span.end)]
    for (day, _), visits in zip(days, concurrently(log.day, days, workers), strict=True):
        converted = [[*rows.conversions(day, visit, is_key)] for visit in visits]
        yield Rows("visits", [rows.visit(day, *each) for each in zip(visits, converted, strict=True)])
        yield Rows("goal_conversions", [row for each in converted for row in each])
    if days:
        for table in VISIT_TABLES:
            yield Window(table, span.kept, span.end)


def _reports(matomo: Matomo, span: Span, workers: int) -> Iterator[list[dict[str, Any]]]:
    """Totals, some days at a time."""
    return concurrently(partial(_report, matomo), batches([*_range(span.start, span.end)], REPORT_DAYS), workers)


def _report(matomo: Matomo, days: Sequence[dt.date]) -> list[dict[str, Any]]:
    wanted = {day.isoformat() for day in days}

    def by_day(method: str) -> Json:
        return matomo.ask_of_site(
            method,
            lambda answer: None if set(answer) == wanted else f"{method} answered other days than asked for",
            period="day",
            date=f"{days[0]},{days[-1]}",
        )

    totals, referrers = by_day("VisitsSummary.get"), by_day("Referrers.getReferrerType")
    return [rows.traffic(day, totals[day.isoformat()], referrers[day.isoformat()]) for day in days]


def _range(start: dt.date, end: dt.date) -> Iterator[dt.date]:
    return (start + dt.timedelta(days=offset) for offset in range((end - start).days))
