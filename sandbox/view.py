"""What the vendors know at one moment: a snapshot of the world and each vendor's own arrangement of it.

Flow: `Snapshot → View → apis`. Every part is built when first asked for and kept until the day (or the data) changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from sandbox.apis import brevo_records
from sandbox.apis.ga4_reports import Property
from sandbox.apis.hubspot_records import Portal
from sandbox.apis.hubspot_search import Search
from sandbox.apis.klaviyo_records import Account as KlaviyoAccount
from sandbox.apis.mailchimp_records import Account
from sandbox.apis.matomo_records import Site
from sandbox.apis.pipedrive_account import Company
from sandbox.apis.salesforce_records import Org
from sandbox.world import Snapshot


class View:
    """One snapshot, arranged; `marks` are quality flags that GA4 sets on its reports, `crms` what a CRM holds by its
    name where that is not the snapshot (`move`).
    """

    def __init__(
        self, snapshot: Snapshot, marks: frozenset[str] = frozenset(), crms: Mapping[str, Snapshot] | None = None
    ) -> None:
        self.snapshot = snapshot
        self._marks, self._crms = marks, crms or {}
        self._searches: dict[str, Search] = {}

    @cached_property
    def portal(self) -> Portal:
        return Portal(self._crms.get("hubspot", self.snapshot))

    def search(self, name: str) -> Search:
        if name not in self._searches:
            self._searches[name] = Search(self.portal.records(name))
        return self._searches[name]

    @cached_property
    def analytics(self) -> Property:
        return Property(self.snapshot, self._marks)

    @cached_property
    def klaviyo(self) -> KlaviyoAccount:
        return KlaviyoAccount(self.snapshot)

    @cached_property
    def emails(self) -> Account:
        return Account(self.snapshot)

    @cached_property
    def brevo(self) -> brevo_records.Account:
        return brevo_records.Account(self.snapshot)

    @cached_property
    def site(self) -> Site:
        return Site(self.snapshot)

    @cached_property
    def org(self) -> Org:
        return Org(self._crms.get("salesforce", self.snapshot))

    @cached_property
    def pipedrive(self) -> Company:
        return Company(self._crms.get("pipedrive", self.snapshot))
