"""Klaviyo's campaigns and profiles as resource objects, from the world's rows.

Flow: `row of the world → resource object of JSON:API, whole`. Belongs here: what Klaviyo says of one campaign and one
person. Does not: which there are, nor events (`klaviyo_records`).
"""

from __future__ import annotations

import numpy as np

from sandbox.apis.answers import Json
from sandbox.apis.klaviyo_ids import ulid
from sandbox.world import catalogue

UTC = "+00:00"


def _milliseconds(moment: str | None) -> int:
    return 0 if moment is None else int(np.datetime64(moment.removesuffix(UTC), "ms").astype(np.int64))


def campaign_and_message(
    list_ids: dict[str, str], campaign: str | None, list_id: str | None, title: str | None, subject: str | None,
    utm: str | None, sent: str | None, created: str | None, updated: str | None, archived: bool,
) -> tuple[Json, Json]:  # fmt: skip
    """One kind of campaign writes the name of its links out, the other lets Klaviyo put its own name there."""
    dynamic = title == utm and (title or "").startswith("product")
    named = {"type": "dynamic", "value": "campaign_name"} if dynamic else {"type": "static", "value": utm}
    entry = catalogue.EMAIL_ENTRY  # whatever sends the mails, the links say what they said before
    id_, message_id = (ulid(_milliseconds(created), f"{kind} {campaign}") for kind in ("campaign", "message"))
    attributes = {
        "name": title, "status": "Sent", "archived": bool(archived),
        "audiences": {"included": [list_ids.get(str(list_id), "")], "excluded": []},
        "send_options": {"use_smart_sending": False},
        "tracking_options": {
            "add_tracking_params": True, "is_tracking_clicks": True, "is_tracking_opens": True,
            "custom_tracking_params": [
                {"type": "static", "value": entry.source, "name": "utm_source"},
                {"type": "static", "value": entry.medium, "name": "utm_medium"},
                {**named, "name": "utm_campaign"},
            ],
        },
        "send_strategy": {"method": "static", "datetime": sent, "options": {"is_local": False}},
        "created_at": created, "scheduled_at": created, "updated_at": updated, "send_time": sent,
    }  # fmt: skip
    content = {
        "subject": subject, "preview_text": "", "from_email": "hello@kpilote-demo.example",
        "from_label": "Kpilote", "reply_to_email": None, "cc_email": None, "bcc_email": None,
    }  # fmt: skip
    message = {
        "type": "campaign-message",
        "id": message_id,
        "attributes": {
            "definition": {"channel": "email", "label": title, "content": content},
            "send_times": [{"datetime": sent, "is_local": False}], "created_at": created, "updated_at": sent,
        },
        "campaign": id_,
    }  # fmt: skip
    return {"type": "campaign", "id": id_, "attributes": attributes, "messages": [message_id]}, message


def profile(list_ids: dict[str, str], person: str, rows: list[Json], details: Json) -> Json:
    created, updated = min(row["opted"] for row in rows), max(row["changed"] for row in rows)
    return {
        "type": "profile",
        "id": ulid(_milliseconds(created), f"profile {person}"),
        "attributes": {
            "email": rows[0]["email"],
            "phone_number": details.get("phone"), "external_id": None,
            "first_name": details.get("first_name"), "last_name": details.get("last_name"), "organization": None,
            "locale": None, "title": None, "image": None, "created": created, "updated": updated,
            "last_event_date": None, "properties": {},
            "location": {
                "address1": None, "address2": None, "city": None, "country": details.get("country"), "latitude": None,
                "longitude": None, "region": None, "zip": None, "timezone": None, "ip": None,
            },
            "subscriptions": {"email": {"marketing": _marketing(list_ids, rows, updated)}},
        },
    }  # fmt: skip


def _marketing(list_ids: dict[str, str], rows: list[Json], updated: str) -> Json:
    """Consent over all lists: a hard bounce suppresses the address, leaving a list suppresses that list."""
    bounced = [row for row in rows if row["status"] == "cleaned"]
    left = [row for row in rows if row["status"] == "unsubscribed"]
    gone = len(left) == len(rows)
    suppression = [{"reason": "HARD_BOUNCE", "timestamp": row["changed"]} for row in bounced[:1]]
    if gone:
        suppression.append({"reason": "UNSUBSCRIBE", "timestamp": updated})
    return {
        "can_receive_email_marketing": not suppression,
        "consent": "UNSUBSCRIBED" if gone else "SUBSCRIBED",
        "consent_timestamp": updated if gone else min(row["opted"] for row in rows),
        "last_updated": updated, "method": "FORM", "method_detail": "", "custom_method_detail": None,
        "double_optin": True,
        "suppression": suppression,
        "list_suppressions": [
            {"list_id": list_ids[str(row["list_id"])], "reason": "UNSUBSCRIBE", "timestamp": row["changed"]}
            for row in left
        ],
    }  # fmt: skip
