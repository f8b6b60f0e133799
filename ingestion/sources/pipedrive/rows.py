"""Pipedrive's records as rows of the lake; what their texts become is in `texts.py`.

Names, phones, notes and places of people, which no list can be asked to leave out, end here: only the members named
below are looked at.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestion.cursor import moment
from ingestion.http import Json
from ingestion.sources.pipedrive.checks import is_set
from ingestion.sources.pipedrive.fields import Fields

Row = dict[str, Any]
# When a record last changed, and whether it is archived in Pipedrive's own sense.
Version = tuple[dt.datetime | None, bool]
# Changes of a deal that models read; of all others not even the values are kept.
TRACKED = frozenset({"stage_id", "status", "value", "currency", "pipeline", "pipeline_id", "add_time"})
DELETED = "deleted"


def person(fields: Fields, record: Json) -> Row:
    addresses = _addresses(record.get("emails") or [])
    values = fields.values(record)
    return {
        **values,
        "person_id": _id(record, "id"),
        "email_hash": addresses[0] if addresses else None,
        "email_hashes": "\n".join(addresses) or None,
        "email_domain": addresses[0] if addresses else None,
        "is_role_address": addresses[0] if addresses else None,
        "country": values["country"] if "country" in values else _country(record.get("postal_address")),
        "owner_id": _id(record, "owner_id"),
        "organization_id": _id(record, "org_id"),
        **_lifecycle(record),
    }


def _addresses(emails: Sequence[Json]) -> list[str]:
    """Addresses, the primary one first."""
    ordered = sorted(emails, key=lambda each: not each.get("primary"))
    return list(dict.fromkeys(each["value"].strip() for each in ordered if each.get("value") and each["value"].strip()))


def organization(fields: Fields, record: Json) -> Row:
    employees = record.get("employee_count")
    standard = {
        "domain": record.get("website"),
        "country": _country(record.get("address")),
        "employees": None if employees is None else str(employees),
        "industry": fields.text("industry", record.get("industry")),
    }
    return {
        **standard,
        **fields.values(record),
        "organization_id": _id(record, "id"),
        "name": record.get("name"),
        "owner_id": _id(record, "owner_id"),
        **_lifecycle(record),
    }


def deal(fields: Fields, record: Json) -> Row:
    return {
        **fields.values(record),
        "deal_id": _id(record, "id"),
        "name": record.get("title"),
        "pipeline_id": _id(record, "pipeline_id"),
        "stage_id": _id(record, "stage_id"),
        "status": record.get("status"),
        "amount": record.get("value"),
        "currency": record.get("currency"),
        "owner_id": _id(record, "owner_id"),
        "person_id": _id(record, "person_id"),
        "organization_id": _id(record, "org_id"),
        "expected_close_on": record.get("expected_close_date"),
        "stage_changed_at": record.get("stage_change_time"),
        "won_at": record.get("won_time"),
        "lost_at": record.get("lost_time"),
        "lost_reason": record.get("lost_reason"),
        "mrr": record.get("mrr"),
        "is_shelved": record.get("is_archived"),
        "shelved_at": record.get("archive_time"),
        **_lifecycle(record),
    }


def is_deleted(record: Json) -> bool:
    return is_set(record.get("is_deleted")) or record.get("status") == DELETED


def version(record: Json) -> Version:
    """What tells a record from an earlier state of it; putting it away need not move its time of change."""
    changed = record.get("update_time") or record.get("add_time")
    return moment(changed) if isinstance(changed, str) else None, is_set(record.get("is_archived"))


def changes(record: Json, changelog: Sequence[Json]) -> Iterator[Row]:
    """The tracked changes of a deal; `changelog` is in order, oldest first."""
    seen: Counter[tuple[str, str]] = Counter()
    for change in changelog:
        if change["field_key"] in TRACKED:
            seen[change["field_key"], change["time"]] += 1
            yield {
                "object_type": "deal",
                "object_id": _id(record, "id"),
                "field": change["field_key"],
                "old_value": _id(change, "old_value"),
                "new_value": _id(change, "new_value"),
                "changed_at": change["time"],
                "ordinal": seen[change["field_key"], change["time"]],
            }


def lead(record: Json) -> Row:
    value = record.get("value") or {}
    return {
        "lead_id": _id(record, "id"),
        "name": record.get("title"),
        "owner_id": _id(record, "owner_id"),
        "person_id": _id(record, "person_id"),
        "organization_id": _id(record, "organization_id"),
        "amount": value.get("amount"),
        "currency": value.get("currency"),
        "is_shelved": record.get("is_archived"),
        **_lifecycle(record),
    }


def activity(types: Mapping[str, Mapping[str, str]], record: Json) -> Row:
    meaning = types.get(str(record.get("type") or "").lower(), {})
    people = sorted(record.get("participants") or [], key=lambda each: not each.get("primary"))
    ids = [_id(each, "person_id") for each in people] or [_id(record, "person_id")]
    time = record.get("due_time")
    return {
        "activity_id": _id(record, "id"),
        "title": record.get("subject"),
        "type": record.get("type"),
        "kind": meaning.get("kind"),
        "type_says": meaning.get("type_says"),
        "owner_id": _id(record, "owner_id"),
        "person_id": _id(record, "person_id"),
        "organization_id": _id(record, "org_id"),
        "deal_id": _id(record, "deal_id"),
        "participant_ids": list(dict.fromkeys(filter(None, ids))),
        "starts_at": f"{record['due_date']}T{time}Z" if record.get("due_date") and time else record.get("due_date"),
        "duration_seconds": record.get("duration"),
        "is_done": record.get("done"),
        "done_at": record.get("marked_as_done_time") if record.get("done") else None,
        **_lifecycle(record),
    }


def user(teams: Mapping[str, str], record: Json) -> Row:
    user_id = _id(record, "id")
    return {
        "user_id": user_id,
        "name": record.get("name"),
        "team": teams.get(user_id or ""),
        "archived": not is_set(record["active_flag"]) or is_set(record.get("is_deleted")),
        "created_at": record.get("created"),
        "updated_at": record.get("modified") or record.get("created"),
    }


def pipeline(record: Json) -> Row:
    return {
        "pipeline_id": _id(record, "id"),
        "label": record.get("name"),
        "display_order": record.get("order_nr"),
        "archived": is_set(record["is_deleted"]),
        "updated_at": record.get("update_time") or record.get("add_time"),
    }


def stage(record: Json) -> Row:
    probability = record.get("deal_probability")
    return {
        "stage_id": _id(record, "id"),
        "pipeline_id": _id(record, "pipeline_id"),
        "label": record.get("name"),
        "display_order": record.get("order_nr"),
        "probability": None if probability is None else probability / 100,
        "archived": is_set(record["is_deleted"]),
        "updated_at": record.get("update_time") or record.get("add_time"),
    }


def _lifecycle(record: Json) -> Row:
    gone = is_deleted(record)
    return {
        "created_at": record.get("add_time"),
        "updated_at": record.get("update_time") or record.get("add_time"),
        "archived": gone,
        "archived_at": record.get("update_time") if gone else None,
    }


def _id(record: Json, name: str) -> str | None:
    value = record.get(name)
    return None if value is None else str(value)


def _country(address: Json | None) -> str | None:
    country: str | None = (address or {}).get("country")
    return country
