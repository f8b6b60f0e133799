"""What a running sandbox holds: who may come in, which day it is, what the vendors show, what has been counted.

Flow: `World + clock + faults → Sandbox.view` (and the files of its home). Belongs here: the day's change. Does not:
sockets (`server`), HTTP (`middleware`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from sandbox import files
from sandbox.apis.brevo_exports import Processes
from sandbox.apis.hubspot_schema import ALL_SCOPES
from sandbox.apis.klaviyo_rules import SCOPES as KLAVIYO_SCOPES
from sandbox.apis.matomo_rules import PLUGINS
from sandbox.apis.pipedrive_fields import ALL_SCOPES as PIPEDRIVE_SCOPES
from sandbox.changes import Change, changed
from sandbox.corrupt import Corruption, Edit, corrupted, edits_of
from sandbox.faults import Fault, Faults
from sandbox.limits import FAST, Counters, Limits
from sandbox.middleware import Logged
from sandbox.move import Move
from sandbox.vendors import crm_of
from sandbox.view import View
from sandbox.world import Snapshot, World
from sandbox.world.clock import TIME_ZONE

Clock = Callable[[], date]


@dataclass(frozen=True)
class Credentials:
    """Who may come in; `hubspot_tokens` and `pipedrive_tokens` give each token its scopes,
    `matomo_tokens` its role (view, superuser, none).

    `matomo_version` and `matomo_plugins`: what is installed there.
    """

    hubspot_tokens: Mapping[str, frozenset[str]] = field(default_factory=lambda: {"sandbox-hubspot-token": ALL_SCOPES})
    ga4_token: str = "sandbox-ga4-token"  # noqa: S105 - not a secret: it opens an imaginary company
    ga4_property: str = "123456789"
    mailchimp_key: str = "sandbox-mailchimp-key-us1"
    klaviyo_keys: Mapping[str, frozenset[str]] = field(default_factory=lambda: {"sandbox-klaviyo-key": KLAVIYO_SCOPES})
    brevo_key: str = "sandbox-brevo-key"
    matomo_tokens: Mapping[str, str] = field(default_factory=lambda: {"sandbox-matomo-token": "view"})
    matomo_version: str = "5.3.2"
    matomo_plugins: frozenset[str] = PLUGINS
    salesforce_client: str = "sandbox-salesforce-client"
    salesforce_secret: str = "sandbox-salesforce-secret"  # noqa: S105 - see above
    salesforce_username: str = "kpilote@kpilote-demo.example"
    # Public key (PEM) of an app that signs its requests for a session; without one there is none.
    salesforce_certificate: str = ""
    # Objects ("Lead") and fields ("Lead.MQL_Date__c") the user may not see.
    salesforce_hidden: frozenset[str] = frozenset()
    pipedrive_tokens: Mapping[str, frozenset[str]] = field(
        default_factory=lambda: {"sandbox-pipedrive-token": PIPEDRIVE_SCOPES}
    )


def today() -> date:
    """The company's day: snapshots end at its beginning."""
    return datetime.now(tz=TIME_ZONE).date()


class Sandbox:
    """What the server holds: the view of the clock's day (rebuilt when the day, the changes or the corruptions do),
    limits, credentials, faults. With a `home`, the day's files are written beside it, those of billing with the company
    ids of the first CRM among `sources`. `moved`: from that day on two CRMs hold what the move left in each.
    """

    def __init__(
        self,
        world: World,
        clock: Clock = today,
        *,
        faults: Iterable[Fault] = (),
        corrupt: Iterable[Corruption] = (),
        changes: Iterable[Change] = (),
        limits: Limits = FAST,
        credentials: Credentials | None = None,
        home: Path | None = None,
        sources: str = "",
        moved: Move | None = None,
        on_request: Callable[[Logged], None] | None = None,
    ) -> None:
        self.world, self.clock = world, clock
        self.limits, self.counters = limits, Counters(limits)
        self.processes = Processes()
        self.credentials = credentials or Credentials()
        self.faults = Faults(faults, corrupt)
        self.changes = tuple(changes)
        self.home, self.on_request = home, on_request
        self._company_id = crm_of(sources).company_id or str
        self._moved = moved
        self._lock = threading.Lock()
        self._shown: tuple[date, int, tuple[Change, ...]] | None = None
        self._view: View | None = None
        self._snapshot: Snapshot | None = None
        self._applied: dict[Corruption, tuple[Edit, ...]] = {}
        self._mended: list[Edit] = []

    @property
    def is_current(self) -> bool:
        return self._shown == self._wanted

    @property
    def _wanted(self) -> tuple[date, int, tuple[Change, ...]]:
        return self.clock(), self.faults.generation, self.changes

    def refresh(self) -> None:
        """Brings view and files to the clock's day; costs nothing when they are there already."""
        with self._lock:
            wanted = self._wanted
            if self._shown == wanted:
                return
            if self._snapshot is None or self._snapshot.until != wanted[0]:
                self._snapshot = self.world.snapshot(wanted[0])
            snapshot = self._spoilt(changed(self._snapshot, self.changes))
            crms: dict[str, Snapshot] = {}
            company_id = self._company_id
            if self._moved is not None and self._moved.day < snapshot.until:
                then = changed(self.world.snapshot(self._moved.day), self.changes)
                crms, company_id = self._moved.held(then, snapshot), self._moved.customer_id(then)
            if self.home is not None:
                files.write(snapshot, self.home, company_id)
            self._view, self._shown = View(snapshot, self.faults.marks, crms), wanted

    def _spoilt(self, snapshot: Snapshot) -> Snapshot:
        """With the corruptions in force. Records no longer wrong were mended the way people mend them: a later edit."""
        corrupt = self.faults.corrupt
        for each in [each for each in self._applied if each not in corrupt]:
            mended = self._applied.pop(each)
            self._mended += [replace(edit, at=edit.at + pd.Timedelta(seconds=1)) for edit in mended]
        for each in corrupt:
            if each not in self._applied:
                self._applied[each] = edits_of(snapshot, [each])
        edits = [edit for applied in self._applied.values() for edit in applied]
        return corrupted(snapshot, corrupt, [*self._mended, *edits])

    @property
    def view(self) -> View:
        if self._view is None:
            self.refresh()
        assert self._view is not None  # noqa: S101 - refresh sets it
        return self._view
