"""What GA4 observed: sessions with consent that have arrived, in GA4's own words for source, campaign and country.

Flow: `Snapshot → observed()` → the Data API's reports (`ga4_reports`) and the export's events (`export`): both read
these rows, so they reconcile to the last session. Belongs here: GA4's naming. Does not: counting or event layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

TIME_ZONE = "Europe/Paris"  # of the property: it cuts the days of export and reports
CURRENCY = "EUR"
NOT_SET = "(not set)"
ENGAGED_MS = 10_000
ENGAGED_PAGES = 2
COUNTRIES = {
    "AT": "Austria", "BE": "Belgium", "CA": "Canada", "CH": "Switzerland", "DE": "Germany", "ES": "Spain",
    "FR": "France", "GB": "United Kingdom", "IE": "Ireland", "IT": "Italy", "LU": "Luxembourg", "NL": "Netherlands",
    "PT": "Portugal", "SE": "Sweden", "US": "United States",
}  # fmt: skip
_UNTAGGED = {"(none)": "(direct)", "organic": "(organic)", "referral": "(referral)"}
_SEARCH, _SOCIAL = ("google", "bing", "ecosia"), ("facebook", "instagram", "linkedin", "x", "youtube", "tiktok")


def channel_group(source: str, medium: str) -> str:
    """GA4's default channel group of a source and medium."""
    paid = medium in ("cpc", "ppc", "paid", "paid_social", "paid_search") or medium.startswith("paid")
    if source == "(direct)" and medium in ("(none)", NOT_SET):
        return "Direct"
    if paid and source.startswith(_SOCIAL):
        return "Paid Social"
    if paid and source.startswith(_SEARCH):
        return "Paid Search"
    if medium in ("display", "banner", "cpm"):
        return "Display"
    if medium in ("social", "organic_social") or (medium == "referral" and source.startswith(_SOCIAL)):
        return "Organic Social"
    named = {"email": "Email", "referral": "Referral", "organic": "Organic Search", "audio": "Audio"}
    return "Paid Other" if paid else named.get(medium, "Unassigned")


def observed(snapshot: Any) -> pd.DataFrame:
    """One row per session GA4 knows, by day and start: the world's columns plus `day` (numpy day), `at` (UTC µs),
    `midnight` (UTC µs, end of its day), `campaign_name`, `channel_group`, `country_name`, `is_engaged`, `is_new`,
    `session_number` and `first_at` (of its client).
    """
    sessions = _numbered(snapshot)
    local = sessions["started_at"].dt.tz_convert(TIME_ZONE)
    midnight = (local.dt.normalize() + pd.Timedelta(days=1, hours=2)).dt.normalize()  # a day may have 23 or 25 hours
    source = sessions["source"].astype(object).where(sessions["source"].notna(), NOT_SET)
    medium = sessions["medium"].astype(object).where(sessions["medium"].notna(), NOT_SET)
    untagged = medium.map(_UNTAGGED).fillna(NOT_SET)
    campaign = sessions["campaign"].astype(object)
    pairs = pd.MultiIndex.from_arrays([source, medium])
    codes, unique = pairs.factorize()
    groups = np.array([channel_group(*pair) for pair in unique], dtype=object)
    frame = sessions.assign(
        day=local.dt.tz_localize(None).to_numpy("datetime64[D]"),
        at=_microseconds(sessions["started_at"]),
        midnight=_microseconds(midnight),
        source=source,
        medium=medium,
        campaign_name=campaign.where(campaign.notna(), untagged),
        channel_group=groups[codes],
        country_name=sessions["country"].map(COUNTRIES).fillna(sessions["country"]).fillna(NOT_SET),
        is_engaged=(sessions["engagement_ms"] >= ENGAGED_MS)
        | (sessions["page_views"] >= ENGAGED_PAGES)
        | sessions["key_event"].notna(),
    )
    return frame.sort_values(["at", "client_id"], kind="stable", ignore_index=True)


def _numbered(snapshot: Any) -> pd.DataFrame:
    """The sessions that have arrived, numbered by the browser: counted in the order they happened, whenever they arrive."""
    sessions = snapshot.sessions[snapshot.sessions["consented"]].sort_values("started_at", kind="stable")
    by_client = sessions.groupby("client_id", sort=False, dropna=False)
    number = by_client.cumcount() + 1
    first_at = _microseconds(by_client["started_at"].transform("min"))
    arrived = (sessions["arrives_on"] <= pd.Timestamp(snapshot.until)).to_numpy()
    return sessions.assign(session_number=number, first_at=first_at, is_new=number == 1)[arrived]


def _microseconds(values: pd.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    utc = values.dt.tz_convert("UTC").dt.tz_localize(None)
    return utc.to_numpy("datetime64[us]").astype(np.int64)
