"""What a perfect observer of the vendors knows: persons, companies, owners, sessions with their person, money in EUR.

Consent refused and exports not yet arrived stay invisible; identity follows the published linking rules, not the
world's own knowledge of who sat at the screen.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from sandbox.world.ledger import periods
from sandbox.world.ledger.rules import NONE, Rules, channels, named, segments
from sandbox.world.snapshot import Snapshot


class Observed:
    """Entities as the KPIs see them; each frame is computed once."""

    def __init__(self, snapshot: Snapshot, rules: Rules) -> None:
        self.snapshot = snapshot
        self.rules = rules

    def day(self, instants: pd.Series) -> pd.Series:
        return periods.local_day(instants, self.rules.time_zone)

    @cached_property
    def owner_names(self) -> pd.Series:
        """'First Last' by owner id."""
        owners = self.snapshot.owners
        return pd.Series((owners["first_name"] + " " + owners["last_name"]).to_numpy(), index=owners["owner_id"])

    def owners(self, owner_ids: pd.Series) -> pd.Series:
        return owner_ids.map(self.owner_names).fillna(NONE)

    @cached_property
    def company_survivor(self) -> pd.Series:
        """The company each company id stands for after merges."""
        companies = self.snapshot.companies
        survivor = companies["merged_into"].fillna(companies["company_id"])
        return pd.Series(survivor.to_numpy(), index=companies["company_id"])

    @cached_property
    def companies(self) -> pd.DataFrame:
        """Surviving companies by id: country and segment."""
        companies = self.snapshot.companies
        standing = companies[companies["merged_into"].isna() & companies["archived_at"].isna()]
        segment = named(standing["segment"]).fillna(segments(standing["employees"], self.rules))
        frame = pd.DataFrame({"country": standing["country"].fillna(NONE), "segment": segment})
        return frame.set_index(standing["company_id"])

    @cached_property
    def persons(self) -> pd.DataFrame:
        """People who count, by contact id: stage instants (skipped ones filled from later stages) and dimensions."""
        contacts = self.snapshot.contacts
        counts = contacts["merged_into"].isna() & contacts["archived_at"].isna() & ~contacts["is_test"]
        people = contacts[counts].set_index("contact_id")
        later = ["mql_at", "sql_at", "opportunity_at", "customer_at"]
        people["lead_at"] = people["lead_at"].fillna(people[later].min(axis=1))
        people["mql_at"] = people["mql_at"].fillna(people[later[1:]].min(axis=1))
        company = people["company_id"].map(self.company_survivor)
        return pd.DataFrame(
            {
                "company_id": company,
                "email": people["email"],
                "country": people["country"].fillna(NONE),
                "segment": company.map(self.companies["segment"]).fillna(NONE),
                "owner": self.owners(people["owner_id"]),
                "created_at": people["created_at"],
                "lead_at": people["lead_at"],
                "mql_at": people["mql_at"],
                "ga_client_id": people["ga_client_id"],
                "user_key": people["user_key"],
            }
        )

    @cached_property
    def client_owner(self) -> pd.Series:
        """The person behind each analytics client id: captured by a form or seen logged in; the oldest contact wins."""
        persons = self.persons
        sessions = self.snapshot.observable_sessions
        captured = persons[["ga_client_id"]].dropna().reset_index().set_axis(["person", "client"], axis=1)
        logins = sessions[["client_id", "user_id"]].dropna().drop_duplicates().set_axis(["client", "user_key"], axis=1)
        keyed = persons[["user_key"]].dropna().reset_index().set_axis(["person", "user_key"], axis=1)
        links = pd.concat([captured, logins.merge(keyed, on="user_key")[["person", "client"]]])
        links["since"] = links["person"].map(persons["created_at"])
        first = links.sort_values(["client", "since", "person"]).drop_duplicates("client")
        return first.set_index("client")["person"]

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """Sessions the analytics export holds, with person, channel and engagement."""
        seen, rules = self.snapshot.observable_sessions, self.rules
        has_event = seen["key_event"].notna()
        engaged = (
            (seen["engagement_ms"] >= rules.engaged_seconds * 1000)
            | (seen["page_views"] >= rules.engaged_page_views)
            | has_event
        )
        return pd.DataFrame(
            {
                "id": seen["client_id"] + "." + seen["session_id"].astype(str),
                "person": seen["client_id"].map(self.client_owner),
                "at": seen["started_at"],
                "day": self.day(seen["started_at"]),
                "channel": channels(seen["medium"]),
                "campaign": seen["campaign"].fillna(NONE),
                "content": seen["content"].fillna(NONE),
                "country": seen["country"].fillna(NONE),
                "is_engaged": engaged,
                "is_converted": has_event,
            }
        )

    @cached_property
    def by_email(self) -> pd.Series:
        """The person whose address it is."""
        return self.persons.reset_index().drop_duplicates("email").set_index("email")["contact_id"]

    @cached_property
    def encounters(self) -> pd.DataFrame:
        """What lists of events, referrals and letters say, with the person where the CRM knows the address."""
        listed = self.snapshot.touches
        email, campaign = listed["email"].str.lower(), listed["campaign"].fillna(NONE)
        return pd.DataFrame(
            {
                "id": email + ":" + listed["channel"] + ":" + campaign,
                "person": email.map(self.by_email),
                "at": listed["touched_at"],
                "type": listed["touch_type"],
                "channel": listed["channel"],
                "campaign": campaign,
            }
        )

    @cached_property
    def email_clicks(self) -> pd.DataFrame:
        """Clicks by people on a campaign's own links, with the person where the CRM knows the address."""
        snapshot = self.snapshot
        activity = snapshot.email_activity
        leaving = activity["url"].fillna("").str.contains("unsubscribe")
        clicks = activity[(activity["action"] == "click") & ~activity["is_machine"] & ~leaving]
        names = snapshot.email_campaigns.set_index("campaign_id")["utm_campaign"]
        return pd.DataFrame(
            {
                "id": clicks["campaign_id"] + ":" + clicks["email"] + ":" + clicks["at"].astype(str),
                "person": clicks["email"].map(self.by_email),
                "campaign_id": clicks["campaign_id"],
                "email": clicks["email"],
                "at": clicks["at"],
                "channel": "email",
                "campaign": clicks["campaign_id"].map(names),
            }
        )

    def cents(self, amounts: pd.Series, currencies: pd.Series, days: pd.Series) -> pd.Series:
        """Amounts in EUR cents at each day's rate, halves rounded away from zero, in whole numbers throughout."""
        own = np.round(amounts.to_numpy(dtype=np.float64) * 100).astype(np.int64)
        rates = self.snapshot.fx_rates
        keyed = pd.Series(
            np.round(rates["rate"].to_numpy() * 1_000_000).astype(np.int64),
            index=pd.MultiIndex.from_arrays([rates["date"], rates["currency"]]),
        )
        foreign = (currencies != self.rules.currency).to_numpy()
        wanted = pd.MultiIndex.from_arrays([days.to_numpy()[foreign], currencies.to_numpy()[foreign]])
        millionths = np.full(len(own), 1_000_000, dtype=np.int64)
        millionths[foreign] = keyed.reindex(wanted).to_numpy(dtype=np.int64)
        product = np.abs(own) * millionths
        return pd.Series(np.sign(own) * ((product + 500_000) // 1_000_000), index=amounts.index)
