"""What the company's systems hold at 00:00 reporting time of one day: plain frames, one per entity.

Instants are UTC (`datetime64[us, UTC]`), days are `datetime64[us]` at midnight, ids are strings, empty is NaN/NaT. Rows
of a later snapshot are those of an earlier one, changed or joined by new ones; no id ever disappears or changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd


@dataclass(frozen=True)
class Snapshot:
    """Everything knowable at the beginning of day `until`; the last whole day is the one before."""

    seed: int
    start: date
    scale: float
    until: date

    owners: pd.DataFrame
    companies: pd.DataFrame
    contacts: pd.DataFrame
    deals: pd.DataFrame
    deal_contacts: pd.DataFrame
    property_history: pd.DataFrame
    pipelines: pd.DataFrame
    subscriptions: pd.DataFrame
    meetings: pd.DataFrame
    calls: pd.DataFrame
    crm_emails: pd.DataFrame
    sessions: pd.DataFrame
    email_lists: pd.DataFrame
    email_members: pd.DataFrame
    email_campaigns: pd.DataFrame
    email_sends: pd.DataFrame
    email_activity: pd.DataFrame
    email_unsubscribes: pd.DataFrame
    ad_spend: pd.DataFrame
    marketing_costs: pd.DataFrame
    fx_rates: pd.DataFrame
    targets: pd.DataFrame
    benchmarks: pd.DataFrame
    touches: pd.DataFrame

    @property
    def observable_sessions(self) -> pd.DataFrame:
        """Sessions the analytics export holds: consented, and arrived by the snapshot."""
        arrived = self.sessions["arrives_on"] <= pd.Timestamp(self.until)
        return self.sessions[self.sessions["consented"] & arrived].reset_index(drop=True)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every frame by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, pd.DataFrame)}
