"""Facts the KPIs add up: one function per family, one row per thing counted.

Every fact has `day` (the day it counts on), its dimensions, and whole-number measures (counts, or EUR cents).
"""

from __future__ import annotations

import pandas as pd

from sandbox.world.ledger import attribution, periods
from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import NONE, UNATTRIBUTED

PERSON_DIMENSIONS = ["channel", "campaign", "country", "segment", "owner"]


def sessions(observed: Observed) -> pd.DataFrame:
    """Web sessions: count, bounced, converted."""
    seen = observed.sessions
    return pd.DataFrame(
        {
            "day": seen["day"],
            "channel": seen["channel"],
            "campaign": seen["campaign"],
            "country": seen["country"],
            "sessions": 1,
            "bounced": (~seen["is_engaged"]).astype(int),
            "converted": seen["is_converted"].astype(int),
        }
    )


def email_sends(observed: Observed) -> pd.DataFrame:
    """Delivered mails on their send day, with what recipients did within the window."""
    snapshot = observed.snapshot
    sends = snapshot.email_sends[snapshot.email_sends["bounce"].isna()]
    pair = ["campaign_id", "email"]
    window = pd.Timedelta(days=observed.rules.email_window_days)

    def responded(events: pd.DataFrame) -> pd.Series:
        timed = events[[*pair, "at"]].merge(sends[[*pair, "sent_at"]], on=pair)
        within = timed[(timed["at"] >= timed["sent_at"]) & (timed["at"] <= timed["sent_at"] + window)]
        index = pd.MultiIndex.from_frame(within[pair]).unique()
        return pd.Series(pd.MultiIndex.from_frame(sends[pair]).isin(index), index=sends.index).astype(int)

    opens = snapshot.email_activity[snapshot.email_activity["action"] == "open"]
    names = snapshot.email_campaigns.set_index("campaign_id")["utm_campaign"]
    return pd.DataFrame(
        {
            "day": observed.day(sends["sent_at"]),
            "campaign": sends["campaign_id"].map(names),
            "delivered": 1,
            "opened": responded(opens),
            "opened_human": responded(opens[~opens["is_machine"]]),
            "clicked": responded(observed.email_clicks),
        }
    )


def acquisition(observed: Observed) -> pd.DataFrame:
    """Channel and campaign of each person's first touch but sales' in the lookback before they became a lead."""
    persons = observed.persons
    until = persons["lead_at"].fillna(persons["created_at"])
    touches = attribution.touchpoints(observed)
    touches = touches[~touches["type"].isin(["meeting", "call"])]
    end = touches["person"].map(until)
    since = end - pd.Timedelta(days=observed.rules.paths["lead"].lookback_days)
    first = touches[(touches["at"] >= since) & (touches["at"] <= end)].drop_duplicates("person").set_index("person")
    return pd.DataFrame(
        {
            "channel": first["channel"].reindex(persons.index).fillna(UNATTRIBUTED),
            "campaign": first["campaign"].reindex(persons.index).fillna(NONE),
        }
    )


def leads(observed: Observed, acquired: pd.DataFrame) -> pd.DataFrame:
    """Persons with a lead date, and their MQL date."""
    persons = observed.persons.join(acquired)
    persons = persons[persons["lead_at"].notna()]
    return persons[PERSON_DIMENSIONS].assign(
        day=observed.day(persons["lead_at"]), mql_day=observed.day(persons["mql_at"]), leads=1
    )


def meetings(observed: Observed) -> pd.DataFrame:
    """Meetings on the day they were booked, however often they moved since."""
    booked = observed.snapshot.meetings
    booked = booked[booked["archived_at"].isna()]
    return with_place(observed, booked).assign(day=observed.day(booked["created_at"]), meetings=1)


def with_place(observed: Observed, activities: pd.DataFrame) -> pd.DataFrame:
    """Owner, country and segment of activities: their company's, or the person's where there is none."""
    person = activities["contact_id"]
    company = activities["company_id"].map(observed.company_survivor)
    company = company.fillna(person.map(observed.persons["company_id"]))
    country = company.map(observed.companies["country"]).fillna(person.map(observed.persons["country"]))
    return pd.DataFrame(
        {
            "owner": observed.owners(activities["owner_id"]),
            "country": country.fillna(NONE),
            "segment": company.map(observed.companies["segment"]).fillna(NONE),
        }
    )


def demo_outlook(observed: Observed) -> pd.DataFrame:
    """Demos of week w+1 as known at the end of week w (or of the last whole day): one row per week w and demo."""
    snapshot, zone = observed.snapshot, observed.rules.time_zone
    booked = snapshot.meetings[(snapshot.meetings["kind"] == "demo") & snapshot.meetings["archived_at"].isna()]
    booked = booked.set_index("meeting_id")
    place = with_place(observed, booked)
    history = snapshot.property_history
    history = history[(history["object_type"] == "meeting") & history["object_id"].isin(booked.index)]
    # From one change to the next: the start and the outcome known then.
    states = history.pivot(index=["object_id", "changed_at"], columns="property", values="value")
    states = states.groupby(level="object_id").ffill().reset_index()
    states["changes_at"] = states.groupby("object_id")["changed_at"].shift(-1)
    start = observed.day(pd.to_datetime(states["hs_meeting_start_time"], utc=True))
    week_before = periods.period_start(start, "week") - pd.Timedelta(days=7)
    weeks = periods.covered_periods(snapshot.start, snapshot.until, "week").set_index("period_start")["last_day"]
    known_until = (week_before.map(weeks) + pd.Timedelta(days=1)).dt.tz_localize(zone)
    stands = (
        (states["changed_at"] < known_until)
        & (states["changes_at"].isna() | (states["changes_at"] >= known_until))
        & (states["hs_meeting_outcome"] == "SCHEDULED")
    )
    outlook = place.loc[states.loc[stands, "object_id"]]
    return outlook.assign(day=week_before[stands].to_numpy(), demos=1)
