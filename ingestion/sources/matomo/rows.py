"""Matomo's answers by lake columns. Neither IP addresses nor places below the country are asked for."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from ingestion.arrivals import click_id
from ingestion.http import Json

VISIT_COLUMNS = (
    "idVisit", "visitorId", "userId", "firstActionTimestamp", "lastActionTimestamp", "referrerType", "referrerName",
    "referrerKeyword", "campaignSource", "campaignMedium", "campaignName", "campaignContent", "countryCode",
    "deviceType", "visitDuration", "actions", "truncatedActionsCount", "actionDetails",
)  # fmt: skip
ORDER, DELETED = "order", "deleted"
# Types of actions that are conversions; an abandoned cart is none.
_GOAL, _ORDER = "goal", "ecommerceOrder"
# Lake column → column of VisitsSummary.get, and → type of Referrers.getReferrerType.
_TOTALS = {
    "visits": "nb_visits",
    "unique_visitors": "nb_uniq_visitors",
    "users": "nb_users",
    "actions": "nb_actions",
    "converted_visits": "nb_visits_converted",
    "bounces": "bounce_count",
    "duration_seconds": "sum_visit_length",
}
_REFERRERS = {f"{name}_visits": name for name in ("direct", "search", "website", "campaign", "social")}
# Whether a goal (id, name) counts as a key event.
IsKey = Callable[[str, str | None], bool]


def whole(value: Any) -> int:
    """A whole number, which PHP before 8.1 gives as a text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("not a whole number")
    return int(value)


def instant(value: Any, zone: dt.tzinfo = dt.UTC) -> dt.datetime:
    """An instant from seconds since 1970. Raises ValueError for what lies in no year."""
    try:
        return dt.datetime.fromtimestamp(whole(value), zone)
    except (OSError, OverflowError):
        raise ValueError("no instant in seconds since 1970") from None


def site(row: Json) -> dict[str, Any]:
    created = row.get("ts_created")
    return {
        "site_id": str(row["idsite"]),
        "name": row.get("name"),
        "time_zone": row["timezone"],
        "currency": row.get("currency"),
        "created_at": created.replace(" ", "T") + "Z" if created else None,
    }


def goal(site_id: str, row: Json, is_key: IsKey) -> dict[str, Any]:
    number = str(whole(row["idgoal"]))
    return {
        "site_id": site_id,
        "goal_id": number,
        "name": row.get("name"),
        "match_attribute": row.get("match_attribute"),
        "revenue": _amount(row.get("revenue")),
        "is_key": is_key(number, row.get("name")),
    }


def traffic(day: dt.date, totals: Any, referrers: Any) -> dict[str, Any]:
    """One day's totals. Of a day without visits Matomo answers empty lists."""
    named = totals if isinstance(totals, dict) else {}
    by_type = {row["segment"].partition("==")[2]: row["nb_visits"] for row in referrers}
    return {
        "report_date": day,
        **{column: whole(named.get(name, 0)) for column, name in _TOTALS.items()},
        **{column: whole(by_type.get(name, 0)) for column, name in _REFERRERS.items()},
    }


def visit(day: dt.date, row: Json, converted: list[dict[str, Any]]) -> dict[str, Any]:
    """A visit with the count of what it converted."""
    pages = [each for each in row["actionDetails"] if each["type"] == "action"]
    actions = whole(row["actions"])
    landing = pages[0].get("url") if pages else None
    return {
        **_visitor(day, row),
        "started_at": instant(row["firstActionTimestamp"]),
        "last_action_at": instant(row["lastActionTimestamp"]),
        "referrer_type": row.get("referrerType"),
        "referrer_name": row.get("referrerName"),
        "referrer_keyword": row.get("referrerKeyword"),
        # Matomo alone knows no campaign's source; these are columns of a plugin.
        "source": row.get("campaignSource"),
        "medium": row.get("campaignMedium"),
        "campaign": row.get("campaignName"),
        "content": row.get("campaignContent"),
        "country": row.get("countryCode"),
        "device": row.get("deviceType"),
        "landing_page": landing,
        "click_id": click_id(landing),
        # Of a visit with hundreds of actions only the first are told; most of the others are page views.
        "page_views": actions if row.get("truncatedActionsCount") else len(pages),
        "actions": actions,
        "duration_seconds": whole(row["visitDuration"]),
        "conversions": len(converted),
        "key_events": sum(each["is_key"] for each in converted),
    }


def conversions(day: dt.date, row: Json, is_key: IsKey) -> Iterator[dict[str, Any]]:
    """The goals and orders a visit converted."""
    converting = [action for action in row["actionDetails"] if action["type"] in (_GOAL, _ORDER)]
    if not converting:
        return
    visitor = _visitor(day, row)
    repeated: Counter[tuple[str, dt.datetime]] = Counter()
    for action in converting:
        is_order = action["type"] == _ORDER
        number = action.get("goalId")
        name = None if is_order else action.get("goalName")
        goal_id = ORDER if is_order else DELETED if number is None else str(whole(number))
        same = (goal_id, instant(action["timestamp"]))
        yield {
            **visitor,
            "goal_id": goal_id,
            "goal_name": name,
            "converted_at": same[1],
            "page": action.get("url"),
            "revenue": _amount(action.get("revenue")),
            "order_id": str(action["orderId"]) if is_order else None,
            "is_key": is_key(goal_id, name),
            "ordinal": repeated[same],
        }
        repeated[same] += 1


def _visitor(day: dt.date, row: Json) -> dict[str, Any]:
    return {
        "visit_date": day,
        "visit_id": whole(row["idVisit"]),
        # Matomo says false where it hides the visitor.
        "client_id": row.get("visitorId") or None,
        "user_id_hash": row.get("userId") or None,
    }


def _amount(value: Any) -> Any:
    """An amount, which may come as a text."""
    if isinstance(value, str):
        return Decimal(value) if value else None
    return value
