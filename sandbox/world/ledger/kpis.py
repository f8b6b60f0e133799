"""Which KPIs the ledger answers for, at which cadences and dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.world.ledger.rules import CADENCES

_WEB = ("channel", "campaign", "country")
_PERSON = ("channel", "campaign", "country", "segment", "owner")
_DEAL = (*_PERSON, "partner")
_PLACE = ("owner", "country", "segment")
_COMPANY = ("segment", "country")
_FROM_WEEK = CADENCES[1:]
_FROM_MONTH = CADENCES[2:]


@dataclass(frozen=True)
class Scope:
    """Cadences and dimensions of a KPI; `total` always exists beside the dimensions."""

    cadences: tuple[str, ...]
    dimensions: tuple[str, ...] = ()


KPIS: dict[str, Scope] = {
    "web_sessions": Scope(CADENCES, _WEB),
    "bounce_rate": Scope(CADENCES, _WEB),
    "web_conversion_rate": Scope(CADENCES, _WEB),
    "email_open_rate": Scope(CADENCES, ("campaign",)),
    "email_open_rate_human": Scope(CADENCES, ("campaign",)),
    "email_click_rate": Scope(CADENCES, ("campaign",)),
    "leads_created": Scope(CADENCES, _PERSON),
    "mql_count": Scope(CADENCES, _PERSON),
    "cpl": Scope(_FROM_WEEK, ("channel", "campaign")),
    "cac": Scope(_FROM_MONTH),
    "romi": Scope(_FROM_MONTH, ("channel", "campaign")),
    "pipeline_generated": Scope(CADENCES, _DEAL),
    "marketing_sourced_pipeline": Scope(_FROM_MONTH, _PERSON),
    "marketing_influenced_pipeline": Scope(_FROM_MONTH, _PERSON),
    "new_opportunities": Scope(CADENCES, _PERSON),
    "win_rate": Scope(_FROM_WEEK, _DEAL),
    "sales_cycle_days": Scope(_FROM_MONTH, _PERSON),
    "revenue": Scope(CADENCES, _DEAL),
    "avg_deal_size": Scope(_FROM_MONTH, _PERSON),
    "open_pipeline": Scope(CADENCES, _PERSON),
    "pipeline_velocity": Scope(("week", "month", "quarter"), ("segment",)),
    "mrr": Scope(CADENCES, _COMPANY),
    "mrr_movements": Scope(CADENCES, ("movement", *_COMPANY)),
    "customer_churn_rate": Scope(_FROM_MONTH, _COMPANY),
    "retention_rate": Scope(_FROM_MONTH, _COMPANY),
    "ltv_cac_ratio": Scope(("quarter", "year")),
    "meetings_booked": Scope(CADENCES, _PLACE),
    "demos_next_week": Scope(("week",), _PLACE),
}
