"""Whose a deal is: marketing's by its contact's lead source, by the first touch, or by who met the buyers first."""

from __future__ import annotations

import pandas as pd

from sandbox.world.ledger.observe import Observed

# What the CRM writes of people whom no form brought, and of those who typed the address.
_NOT_MARKETING_SOURCES = ("OFFLINE", "DIRECT_TRAFFIC")


def sourcing(
    observed: Observed, deals: pd.DataFrame, touches: pd.DataFrame, first_touches: pd.DataFrame
) -> pd.DataFrame:
    """One row per deal: `lead_source` (None where unknown), `first_touch`, `marketing_before_sales`, `influenced`."""
    not_marketing = observed.rules.not_marketing_channels
    source = observed.snapshot.contacts.set_index("contact_id")["lead_source"]
    by_source = deals["person"].map(~source.isin(_NOT_MARKETING_SOURCES)).astype(object)
    opened_by = first_touches.set_index("conversion")["channel"].reindex(deals.index)
    marketing = touches[~touches["channel"].isin(not_marketing)][["person", "at"]]
    marketing = marketing.assign(company=marketing["person"].map(observed.persons["company_id"]))
    met = _first(observed, deals, marketing)
    sold = _first(observed, deals, _sales(observed)).fillna(deals["created_at"])
    sold = sold.where(sold < deals["created_at"], deals["created_at"])
    return pd.DataFrame(
        {
            "lead_source": by_source.where(by_source.notna(), None),
            "first_touch": ~opened_by.isin(not_marketing),
            "marketing_before_sales": met < sold,
            "influenced": met.notna() & (deals["closed_at"].isna() | (met < deals["closed_at"])),
        }
    )


def _sales(observed: Observed) -> pd.DataFrame:
    """Meetings, calls and mails sent: person, company, instant."""
    snapshot = observed.snapshot
    meetings = snapshot.meetings[snapshot.meetings["archived_at"].isna()]
    mails = snapshot.crm_emails[snapshot.crm_emails["direction"] != "INCOMING_EMAIL"]
    pieces = [
        meetings[["contact_id", "company_id", "start_at"]],
        snapshot.calls[["contact_id", "company_id", "start_at"]],
        mails[["contact_id", "sent_at"]].rename(columns={"sent_at": "start_at"}),
    ]
    done = pd.concat(pieces, ignore_index=True)
    company = done["company_id"].map(observed.company_survivor)
    company = company.fillna(done["contact_id"].map(observed.persons["company_id"]))
    return pd.DataFrame({"person": done["contact_id"], "company": company, "at": done["start_at"]})


def _first(observed: Observed, deals: pd.DataFrame, encounters: pd.DataFrame) -> pd.Series:
    """When each deal's contact, or anybody of its company, was first met since the look-back before its creation."""
    since = deals["created_at"] - pd.Timedelta(days=observed.rules.paths["opportunity"].lookback_days)
    rows = deals.assign(deal=deals.index, since=since)[["deal", "person", "company", "since"]]
    pairs = pd.concat(
        [
            rows.dropna(subset=[shared])[["deal", "since", shared]].merge(encounters[[shared, "at"]], on=shared)
            for shared in ("person", "company")
        ]
    )
    first: pd.Series = pairs[pairs["at"] >= pairs["since"]].groupby("deal")["at"].min()
    return first.reindex(deals.index)
