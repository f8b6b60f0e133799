"""What Pipedrive's texts become before anything is written: hashes, domains, instants, texts without addresses."""

import datetime as dt
from collections.abc import Mapping
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ingestion.privacy import Hasher, company_domain, is_role_address, without_addresses
from ingestion.rows import Convert, UnparsableError

DATES = ("lead_at", "mql_at", "sql_at", "opportunity_at", "customer_at")
YES, NO = frozenset({"true", "yes", "1", "y", "oui"}), frozenset({"false", "no", "0", "n", "non"})
DAY_LENGTH = len("2026-01-01")


def converters(hasher: Hasher, zone: ZoneInfo) -> Mapping[str, Mapping[str, Convert]]:
    """What Pipedrive's texts become; `zone` is where a day that people typed begins."""

    def instant(text: str) -> dt.datetime:
        return _instant(text, zone)

    texts = {"name": without_addresses}
    return {
        "persons": {
            "email_hash": hasher.email,
            "email_hashes": lambda text: [hasher.email(each) for each in text.split("\n")],
            "email_domain": company_domain,
            "is_role_address": is_role_address,
            "user_key_hash": hasher.identifier,
            **dict.fromkeys(("country", "lead_source", "lifecycle_stage"), without_addresses),
            "is_test": _yes_or_no,
            **dict.fromkeys(DATES, instant),
        },
        "organizations": {
            **texts,
            "domain": _host,
            **dict.fromkeys(("country", "industry", "segment"), without_addresses),
        },
        "deals": {**texts, "lost_reason": without_addresses, "partner": without_addresses},
        "leads": texts,
        "activities": {"title": without_addresses, "starts_at": instant, "duration_seconds": _seconds},
    }


def _instant(text: str, zone: ZoneInfo) -> dt.datetime:
    """A day, which begins at midnight of the zone, or an ISO 8601 instant (UTC where it names no zone)."""
    try:
        parsed = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise UnparsableError("neither a day nor an instant (ISO 8601)") from None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=zone if len(text.strip()) == DAY_LENGTH else dt.UTC)
    return parsed.astimezone(dt.UTC)


def _yes_or_no(text: str) -> bool:
    word = text.strip().lower()
    if word not in YES | NO:
        raise UnparsableError("neither yes nor no")
    return word in YES


def _host(website: str) -> str | None:
    """The domain of a website, however people wrote it."""
    host = urlsplit(website if "//" in website else f"//{website}").hostname or ""
    return without_addresses(host.strip().lower().removeprefix("www.")) or None


def _seconds(duration: str) -> int:
    """Seconds of HH:MM or HH:MM:SS."""
    parts = duration.split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        raise UnparsableError("not a duration (HH:MM)")
    return sum(int(part) * seconds for part, seconds in zip(parts, (3600, 60, 1), strict=False))
