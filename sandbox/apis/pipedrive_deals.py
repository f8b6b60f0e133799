"""Deals as Pipedrive keeps them: won and lost are a status, the stage stays the last open one; changes, people, leads.

Closed deals are archived by the company SHELVED_AFTER days later: still deals, in a list of their own. Deleted ones are
told for DELETED_FOR days, each by the list it was in.
"""

from __future__ import annotations

import uuid
from functools import cached_property

import numpy as np
import pandas as pd

from sandbox.apis import pipedrive_fields as schema
from sandbox.apis.answers import Json, instants, iso, texts
from sandbox.apis.hubspot_records import plain_numbers
from sandbox.apis.pipedrive_records import VISIBLE_TO_ALL, Listing, People, custom_values, number, numbers, plain
from sandbox.world.clock import TIME_ZONE

SHELVED_AFTER = pd.Timedelta(days=30)
LEADS_SHELVED_AFTER = pd.Timedelta(days=60)
DELETED_FOR = pd.Timedelta(days=30)
LEADS = uuid.UUID("6d1f3c52-9a64-5d0e-8f6b-2f4f0f6f7a10")


class Deals:
    """The deals of one company: three lists, changelogs, participants, leads."""

    def __init__(self, company: People) -> None:
        self._company = company
        self._now = pd.Timestamp(company.snapshot.until, tz=TIME_ZONE).tz_convert("UTC")

    @cached_property
    def _frame(self) -> pd.DataFrame:
        """Deals with what Pipedrive makes of their stage."""
        frame: pd.DataFrame = self._company.snapshot.deals.reset_index(drop=True)
        status = frame["stage"].map(schema.STATUSES).fillna("open")
        shelved = (frame["close_date"] + SHELVED_AFTER).where(status != "open")
        shelved = shelved.where((shelved < self._now) & ~(frame["archived_at"] <= shelved))
        updated = frame["updated_at"].where(shelved.isna() | (shelved < frame["updated_at"]), shelved)
        imported = {} if "imported_id" in frame else {"imported_id": None}
        return frame.assign(status=status, shelved_at=shelved, changed_at=updated, **imported)

    @cached_property
    def _all(self) -> Listing:
        frame = self._frame
        ids, names, statuses, reasons, currencies = (
            texts(frame[name]) for name in ("deal_id", "name", "status", "lost_reason", "currency")
        )
        owners, organizations = numbers(frame["owner_id"]), self._company.organizations_of(frame["company_id"])
        amounts = frame["amount"].fillna(0.0).tolist()
        custom = custom_values("deals", frame)
        added, updated = instants(frame["created_at"], "s"), instants(frame["changed_at"], "s")
        times, deleted = (iso(added, "Z"), iso(updated, "Z")), frame["archived_at"].notna().tolist()
        closed, shelved = (iso(instants(frame[name], "s"), "Z") for name in ("close_date", "shelved_at"))
        days = frame["close_date"].dt.tz_convert(TIME_ZONE).dt.strftime("%Y-%m-%d").tolist()

        def render(row: int) -> Json:
            log, people, status = self.changelogs.get(ids[row], []), self.people.get(ids[row], []), statuses[row]
            moved = [change for change in log if change["field_key"] == "stage_id"]
            close = closed[row] if status != "open" else None
            return {
                "id": number(ids[row]), "title": names[row], "creator_user_id": owners[row], "owner_id": owners[row],
                "value": amounts[row], "currency": currencies[row],
                "person_id": people[0] if people else None, "org_id": organizations[row],
                "stage_id": self.stages.get(ids[row], schema.STAGE_IDS[schema.OPEN_STAGES[0]]),
                "pipeline_id": schema.PIPELINE,
                "status": "deleted" if deleted[row] else status, "is_deleted": deleted[row],
                "is_archived": shelved[row] is not None, "archive_time": shelved[row],
                "add_time": times[0][row], "update_time": times[1][row],
                "stage_change_time": moved[0]["time"].replace(" ", "T") + "Z" if moved else None,
                "close_time": close, "won_time": close if status == "won" else None,
                "lost_time": close if status == "lost" else None,
                "local_close_date": days[row] if close else None,
                "expected_close_date": None if close else days[row],
                "probability": None, "lost_reason": reasons[row], "visible_to": VISIBLE_TO_ALL, "label_ids": [],
                "origin": "ManuallyCreated", "origin_id": None, "channel": None, "channel_id": None,
                "acv": None, "arr": None, "mrr": None, "participants_count": len(people),
                "custom_fields": {key: values[row] for key, values in custom.items()},
            }  # fmt: skip

        return Listing(ids, added, updated, render)

    @cached_property
    def _lists(self) -> dict[str, Listing]:
        frame = self._frame
        gone, shelved = frame["archived_at"].notna(), frame["shelved_at"].notna()
        recent = frame["archived_at"] > self._now - DELETED_FOR
        parts = {
            "deals": ~gone & ~shelved, "deals/archived": ~gone & shelved,
            "deals/deleted": recent & ~shelved, "deals/archived/deleted": recent & shelved,
        }  # fmt: skip
        return {name: self._all.part(np.flatnonzero(rows.to_numpy())) for name, rows in parts.items()}

    def listing(self, name: str) -> Listing:
        """`deals`, `deals/archived`; of each those deleted not too long ago: `…/deleted`."""
        return self._lists[name]

    @cached_property
    def _history(self) -> dict[str | None, list[tuple[str, str, str]]]:
        """Changes of each deal in order: property, value, instant as API v1 writes it."""
        frame = self._company.snapshot.property_history
        frame = frame[frame["object_type"] == "deal"].sort_values("changed_at", kind="stable")
        moments = iso(instants(frame["changed_at"], "s"), "")
        found: dict[str | None, list[tuple[str, str, str]]] = {}
        for id_, name, value, moment in zip(
            texts(frame["object_id"]), texts(frame["property"]), texts(frame["value"]), moments, strict=True
        ):
            found.setdefault(id_, []).append((str(name), str(value), str(plain(moment))))
        return found

    @cached_property
    def stages(self) -> dict[str | None, int]:
        """The stage each deal is in: closing it leaves the last open one."""
        return {
            id_: schema.STAGE_IDS[value]
            for id_, changes in self._history.items()
            for name, value, _ in changes
            if name == "dealstage" and value in schema.STAGE_IDS
        }

    @cached_property
    def changelogs(self) -> dict[str | None, list[Json]]:
        """Changes of each deal, newest first. What it was created with is no change but its creation time."""
        created = dict(zip(self._all_ids, iso(instants(self._frame["created_at"], "s"), ""), strict=True))
        reasons = dict(zip(self._all_ids, texts(self._frame["lost_reason"]), strict=True))
        return {
            id_: _changelog(changes, plain(created.get(id_)), reasons.get(id_))
            for id_, changes in self._history.items()
        }

    @property
    def _all_ids(self) -> list[str | None]:
        return texts(self._frame["deal_id"])

    @cached_property
    def people(self) -> dict[str | None, list[int]]:
        """Persons of each deal, the primary one first."""
        frame = self._company.snapshot.deal_contacts.sort_values(["deal_id", "position"], kind="stable")
        found: dict[str | None, list[int]] = {}
        for deal, person in zip(texts(frame["deal_id"]), self._company.persons_of(frame["contact_id"]), strict=True):
            if person is not None and person not in found.setdefault(deal, []):
                found[deal].append(person)
        return found

    @cached_property
    def leads(self) -> list[Json]:
        """Qualified people without a deal, in the order they came; those nobody took up are archived."""
        contacts = self._company.snapshot.contacts
        wanted = contacts["lead_at"].notna() & contacts["mql_at"].notna() & contacts["opportunity_at"].isna()
        wanted &= contacts["archived_at"].isna() & contacts["merged_into"].isna() & ~contacts["is_test"].astype(bool)
        frame = contacts[wanted].sort_values(["mql_at", "contact_id"], kind="stable").reset_index(drop=True)
        companies = self._company.snapshot.companies
        names = dict(zip(texts(companies["company_id"]), texts(companies["name"]), strict=True))
        shelved = frame["mql_at"] + LEADS_SHELVED_AFTER
        is_shelved = (shelved < self._now).to_numpy()
        changed = frame[["mql_at", "sql_at"]].max(axis=1).where(~is_shelved, shelved)
        columns = zip(
            texts(frame["contact_id"]), self._company.persons_of(frame["contact_id"]), numbers(frame["owner_id"]),
            texts(frame["company_id"]), self._company.organizations_of(frame["company_id"]), is_shelved.tolist(),
            iso(instants(frame["mql_at"]), "Z"), iso(instants(changed), "Z"), strict=True,
        )  # fmt: skip
        return [
            _lead(
                contact, person, owner, names.get(company) if company else None, organization, shelved_, added, updated
            )
            for contact, person, owner, company, organization, shelved_, added, updated in columns
        ]


def _changelog(changes: list[tuple[str, str, str]], created: str | None, reason: str | None) -> list[Json]:
    # An import may date a deal back: the log begins with what it was first given.
    log = [_change("add_time", None, created, changes[0][2])]
    stage, status, amount = None, "open", None
    for name, value, moment in changes:
        if name == "amount":
            text = plain_numbers(pd.Series([float(value)]))[0]
            if amount is not None:
                log.append(_change("value", amount, text, moment))
            amount = text
            continue
        becomes = schema.STATUSES.get(value, "open")
        if becomes != status:
            log.append(_change("status", status, becomes, moment))
            if becomes == "lost":
                log.append(_change("lost_reason", None, reason, moment))
            status = becomes
        if value in schema.STAGE_IDS:
            entered = str(schema.STAGE_IDS[value])
            if stage not in (None, entered):
                log.append(_change("stage_id", stage, entered, moment))
            stage = entered
    return log[::-1]


def _change(field: str, old: str | None, new: str | None, moment: str | None) -> Json:
    return {
        "field_key": field, "old_value": old, "new_value": new, "actor_user_id": 1, "time": moment,
        "change_source": "app", "change_source_user_agent": None, "is_bulk_update_flag": False,
    }  # fmt: skip


def _lead(
    contact: str | None, person: int | None, owner: int | None, company: str | None, organization: int | None,
    is_shelved: bool, added: str | None, updated: str | None,
) -> Json:  # fmt: skip
    return {
        "id": str(uuid.uuid5(LEADS, contact or "")), "title": f"{company or 'New'} lead", "owner_id": owner,
        "creator_id": owner, "label_ids": [], "person_id": person, "organization_id": organization,
        "source_name": "API", "origin": "API", "origin_id": None, "channel": None, "channel_id": None,
        "is_archived": is_shelved, "was_seen": True, "value": {"amount": 5000, "currency": "EUR"} if owner else None,
        "expected_close_date": None, "next_activity_id": None, "add_time": added, "update_time": updated,
        "visible_to": str(VISIBLE_TO_ALL), "cc_email": None,
    }  # fmt: skip
