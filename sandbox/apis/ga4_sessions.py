"""What GA4 observed: sessions with consent that have arrived, in GA4's own words for source, campaign and country.

Flow: `Snapshot → observed()` → the Data API's reports (`ga4_reports`) and the export's events (`export`): both read
these rows, so they reconcile to the last session. Belongs here: GA4's naming. Does not: counting or event layout.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.apis.answers import instants
from sandbox.world import Snapshot, clock

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


def observed(snapshot: Snapshot) -> pd.DataFrame:
    """One row per session GA4 knows, by start: the world's columns plus `day` (numpy day), `at` (UTC µs), `midnight`
    (UTC µs, end of its day), `campaign_name`, `channel_group`, `country_name`, `landing_url` (with the campaign's
    tags), `is_engaged`, `is_new`, `session_number` and `first_at` (of its client).
    """
    sessions = _numbered(snapshot)
    days = clock.day_of(sessions["at"].to_numpy())
    arrivals = ["source", "medium", "campaign", "content", "landing_page", "country"]
    codes = sessions.groupby(arrivals, sort=False, dropna=False).ngroup().to_numpy()
    first = np.unique(codes, return_index=True)[1]
    named = _named(sessions[arrivals].iloc[first].astype(object)).iloc[codes].set_index(sessions.index)
    return sessions.drop(columns=["source", "medium", "content"]).assign(
        **named,
        day=days.astype("datetime64[D]"),
        midnight=clock.midnight(days + 1),
        is_engaged=(sessions["engagement_ms"] >= ENGAGED_MS)
        | (sessions["page_views"] >= ENGAGED_PAGES)
        | sessions["key_event"].notna(),
    )


def _named(arrivals: pd.DataFrame) -> pd.DataFrame:
    """GA4's words for each way of arriving."""
    source, medium = arrivals["source"].fillna(NOT_SET), arrivals["medium"].fillna(NOT_SET)
    campaign, landing = arrivals["campaign"], arrivals["landing_page"]
    tags = "?utm_source=" + source + "&utm_medium=" + medium + "&utm_campaign=" + campaign.fillna("")
    content = arrivals["content"]
    tags = tags.where(content.isna(), tags + "&utm_content=" + content.fillna(""))
    named = {
        "source": source,
        "medium": medium,
        "content": content.fillna(NOT_SET),
        "campaign_name": campaign.where(campaign.notna(), medium.map(_UNTAGGED).fillna(NOT_SET)),
        "channel_group": [channel_group(*pair) for pair in zip(source, medium, strict=True)],
        "country_name": arrivals["country"].map(COUNTRIES).fillna(arrivals["country"]).fillna(NOT_SET),
        "landing_url": landing.where(campaign.isna(), landing + tags),
    }
    return pd.DataFrame(named).astype("category")


def _numbered(snapshot: Snapshot) -> pd.DataFrame:
    """The sessions that have arrived, numbered by the browser: in the order they happened, whenever they arrive."""
    sessions = snapshot.sessions[snapshot.sessions["consented"]]
    sessions = sessions.assign(at=instants(sessions["started_at"], "us").astype(np.int64))
    sessions = sessions.sort_values(["at", "client_id"], kind="stable", ignore_index=True)
    by_client = sessions.groupby("client_id", sort=False, dropna=False)
    number = by_client.cumcount() + 1
    sessions = sessions.assign(session_number=number, first_at=by_client["at"].transform("min"), is_new=number == 1)
    return sessions[sessions["arrives_on"] <= pd.Timestamp(snapshot.until)].reset_index(drop=True)
