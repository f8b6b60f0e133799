"""Brevo's transactional messages: the confirmations that the website sends to those who filled in a form.

The world has no such messages; what is known of each follows from its form: requested and delivered at once, opened by
most, by some through a mail proxy, and clicked by a few. Nothing of a day changes once the day is over. Belongs here:
these events. Does not: campaigns (`brevo_records`).
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pandas as pd

from sandbox.apis.answers import Json, instants, iso, texts

SUBJECTS = {
    "demo_request": "Your demo request",
    "sign_up": "Welcome to Kpilote",
    "generate_lead": "Your guide",
}
TEMPLATES = {"demo_request": 4, "sign_up": 5, "generate_lead": 6}
LINK = "https://www.kpilote-demo.example/welcome?utm_source=kpilote&utm_medium=transactional"
READER, PROXY = "86.200.17.7", "17.58.200.9"


def events(snapshot: Any, now: pd.Timestamp) -> list[Json]:
    """Every event before now, oldest first, as Brevo writes it."""
    forms = snapshot.sessions[snapshot.sessions["key_event"].notna() & snapshot.sessions["contact_id"].notna()]
    addresses = dict(zip(texts(snapshot.contacts["contact_id"]), texts(snapshot.contacts["email"]), strict=True))
    begun = instants(forms["started_at"], "s")
    columns = zip(
        texts(forms["client_id"]), texts(forms["session_id"]), texts(forms["contact_id"]), texts(forms["key_event"]),
        begun, strict=True,
    )  # fmt: skip
    found: list[tuple[Any, Json]] = []
    for client, session, contact, form, at in columns:
        email = addresses.get(contact)
        if email is not None and form is not None:
            digits = zlib.crc32(f"{client} {session} {form}".encode())
            found += _story(email, form, at, digits)
    last = np.datetime64(now.tz_localize(None), "s")
    told = sorted((each for each in found if each[0] < last), key=lambda each: (each[0], each[1]["messageId"]))
    written = iso(np.array([at for at, _ in told], dtype="datetime64[s]"), ".000Z")
    return [{**event, "date": moment} for (_, event), moment in zip(told, written, strict=True)]


def _story(email: str, form: str, at: Any, digits: int) -> list[tuple[Any, Json]]:
    common = {
        "email": email, "subject": SUBJECTS[form], "messageId": f"<{digits:010d}@smtp-relay.kpilote-demo.example>",
        "tag": form, "from": "hello@kpilote-demo.example", "templateId": TEMPLATES[form],
    }  # fmt: skip

    def told(event: str, seconds: int, **more: str) -> tuple[Any, Json]:
        return at + np.timedelta64(seconds, "s"), {**common, "event": event, **more}

    story = [told("requests", 2), told("delivered", 4 + digits % 5)]
    if digits % 5 == 0:
        story.append(told("loadedByProxy", 30, ip=PROXY))
    if digits % 3:
        story.append(told("opened", 600 + digits % 86_400, ip=READER))
    if digits % 7 == 1:
        story.append(told("clicks", 700 + digits % 86_400, ip=READER, link=LINK))
    return story
