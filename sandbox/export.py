"""GA4's BigQuery export: every observed session as the events GA4 would have written, in the export's nested schema.

Flow: `ga4_sessions.observed → events() → one Arrow table per day`. Belongs here: which events a session has, and their
layout. Does not: files (`files`). A session's events stay within its day.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sandbox.apis import arrivals
from sandbox.apis.ga4_sessions import NOT_SET
from sandbox.world.mailing import SITE

Values = np.ndarray[Any, np.dtype[Any]]
PAGES = ("/product", "/pricing", "/customers", "/blog/pipeline-review", "/demo", "/integrations", "/about")
EVENT_NAMES = ("session_start", "page_view", "user_engagement")
THANKS = "/thank-you"
# Every so many forms, a sloppy page puts the visitor's address into its URL: connectors must not keep it.
SLOPPY = 13
_SECOND = 1_000_000
_VALUE = pa.struct(
    [
        ("string_value", pa.string()), ("int_value", pa.int64()), ("float_value", pa.float64()),
        ("double_value", pa.float64()),
    ]
)  # fmt: skip
_PARAMETER = pa.struct([("key", pa.string()), ("value", _VALUE)])
_PARAMETERS = (
    "ga_session_id", "ga_session_number", "session_engaged", "page_location", "entrances", "engagement_time_msec",
    "page_referrer",
)  # fmt: skip
_TEXT_PARAMETERS = (2, 3, 6)


def _steps(sessions: pd.DataFrame) -> pd.DataFrame:
    """One row per event: `session` (row), `kind` (0 start, 1 page, 2 engagement, 3 key event), `number` (of the page),
    `at` (UTC µs).
    """
    rows = np.arange(len(sessions))
    start = sessions["at"].to_numpy()
    # What is left of the day bounds the visit, so that no session crosses midnight.
    span = np.minimum(sessions["engagement_ms"].to_numpy() * 1000, sessions["midnight"].to_numpy() - start - _SECOND)
    span = np.maximum(span, 0)
    pages = sessions["page_views"].to_numpy()
    page_rows = np.repeat(rows, pages)
    number = np.arange(len(page_rows)) - np.repeat(np.cumsum(pages) - pages, pages)
    engaged = np.flatnonzero(sessions["engagement_ms"].to_numpy() > 0)
    keyed = np.flatnonzero(sessions["key_event"].notna().to_numpy())
    session = np.concatenate([rows, page_rows, engaged, keyed])
    kind = np.repeat([0, 1, 2, 3], [len(rows), len(page_rows), len(engaged), len(keyed)])
    at = np.concatenate(
        [
            start,
            start[page_rows] + span[page_rows] * number // np.maximum(pages[page_rows], 1),
            start[engaged] + span[engaged],
            start[keyed] + span[keyed] * 9 // 10,
        ]
    )
    page = np.concatenate([np.zeros(len(rows), dtype=np.int64), number, pages[engaged] - 1, np.full(len(keyed), -1)])
    order = np.lexsort((page, kind, at, sessions["day"].to_numpy().astype(np.int64)[session]))
    return pd.DataFrame({"session": session[order], "kind": kind[order], "page": page[order], "at": at[order]})


def _clicks(sessions: pd.DataFrame) -> pd.DataFrame:
    """How each session began: `referrer`, kind and value of its click id (`kind`, `id`); None where there is none."""
    came = [*zip(sessions["source"], sessions["medium"], strict=True)]
    kind = pd.Series([arrivals.click_id(*each) for each in came], sessions.index, dtype=object)
    return pd.DataFrame(
        {
            "referrer": pd.Series([arrivals.referrer(*each) for each in came], sessions.index, dtype=object),
            "kind": kind,
            "id": ("Cj0KCQ" + sessions["session_id"].astype(str)).astype(object).where(kind.notna(), None),
        }
    )


def _landings(sessions: pd.DataFrame, clicks: pd.DataFrame) -> pd.Series:
    """The landing page with the campaign's tags and the click id."""
    pages = [
        f"{page}{'&' if '?' in page else '?'}{kind}={id_}" if kind else page
        for page, kind, id_ in zip(sessions["landing_url"], clicks["kind"], clicks["id"], strict=True)
    ]
    return pd.Series(pages, sessions.index, dtype=object)


def _locations(
    sessions: pd.DataFrame, steps: pd.DataFrame, clicks: pd.DataFrame, addresses: dict[str, str]
) -> tuple[Values, Values, pa.Array[Any]]:
    """Code of every event's page and of the one before it (-1: none), and the pages: landing pages, those that led to
    them, then pages of the site.
    """
    codes, landings = pd.factorize(_landings(sessions, clicks))
    led, referrers = pd.factorize(clicks["referrer"])
    pool = [*landings.tolist(), *referrers.tolist(), *(SITE + page for page in PAGES), SITE + THANKS]
    first_page, thanks = len(landings) + len(referrers), len(pool) - 1
    session, kind, page = (steps[name].to_numpy() for name in ("session", "kind", "page"))
    number = sessions["session_id"].to_numpy()[session]
    location, before = (
        np.where(at == 0, codes[session], first_page + (number + at) % len(PAGES)) for at in (page, page - 1)
    )
    before = np.where(page == 0, np.where(led < 0, -1, len(landings) + led)[session], before)
    before = np.where(kind < 2, before, -1)
    location = np.where(kind == 3, thanks, location)
    sloppy = np.flatnonzero((kind == 3) & (number % SLOPPY == 0) & sessions["contact_id"].notna().to_numpy()[session])
    for event in sloppy.tolist():
        address = addresses.get(str(sessions["contact_id"].iat[session[event]]))
        if address is not None:
            location[event] = len(pool)
            pool.append(f"{SITE}{THANKS}?email={address.replace('@', '%40')}")
    return location, before, pa.array(pool, pa.string())


def _parameters(
    sessions: pd.DataFrame, steps: pd.DataFrame, location: Values, before: Values, pages: pa.Array[Any]
) -> pa.Array[Any]:
    """The nested event_params: key and value structs of every event, in one flat array with offsets."""
    session, kind, page = (steps[name].to_numpy() for name in ("session", "kind", "page"))
    count = len(steps)
    # GA4 sets the flag once the session has engaged: never on its first two events.
    engaged = sessions["is_engaged"].to_numpy()[session] & ((kind >= 2) | (page > 0))
    entrance = (kind == 1) & (page == 0)
    has = np.ones((count, len(_PARAMETERS)), dtype=bool)
    has[:, 4], has[:, 5], has[:, 6] = entrance, kind == 2, before >= 0
    numbers = np.zeros((count, len(_PARAMETERS)), dtype=np.int64)
    numbers[:, 0] = sessions["session_id"].to_numpy()[session]
    numbers[:, 1] = sessions["session_number"].to_numpy()[session]
    numbers[:, 4] = 1
    numbers[:, 5] = sessions["engagement_ms"].to_numpy()[session]
    texts = np.full((count, len(_PARAMETERS)), -1, dtype=np.int64)
    texts[:, 2] = engaged
    texts[:, 3], texts[:, 6] = location + 2, before + 2
    is_text = np.zeros(len(_PARAMETERS), dtype=bool)
    is_text[list(_TEXT_PARAMETERS)] = True
    which = np.nonzero(has)[1]
    flat_text = np.broadcast_to(is_text, has.shape)[has]
    pool = pa.concat_arrays([pa.array(["0", "1"]), pages])
    string_value = pool.take(_rows(texts[has], ~flat_text))
    int_value = pa.array(numbers[has], pa.int64(), mask=flat_text)
    empty = pa.nulls(len(which), pa.float64())
    value = pa.StructArray.from_arrays([string_value, int_value, empty, empty], fields=list(_VALUE))
    keys = pa.array(_PARAMETERS, pa.string()).take(_rows(which))
    parameters = pa.StructArray.from_arrays([keys, value], fields=list(_PARAMETER))
    offsets = np.concatenate([[0], np.cumsum(has.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), parameters)


def events(sessions: pd.DataFrame, addresses: dict[str, str]) -> pa.Table:
    """The events of observed sessions, ordered by day and time. `addresses`: contact id → email."""
    steps = _steps(sessions)
    session, kind = steps["session"].to_numpy(), steps["kind"].to_numpy()
    clicks = _clicks(sessions)
    location, before, pages = _locations(sessions, steps, clicks, addresses)
    take, first = _rows(session), _rows(np.zeros(len(steps), dtype=np.int64))
    names = pa.array([*EVENT_NAMES, *_key_events(sessions)], pa.string())
    key_codes = pd.Categorical(sessions["key_event"], categories=_key_events(sessions)).codes
    name_codes = np.where(kind == 3, len(EVENT_NAMES) + key_codes[session], kind)
    day_codes, days = pd.factorize(sessions["day"].to_numpy("datetime64[D]"))
    dates = pa.array([day.replace("-", "") for day in np.datetime_as_string(days.astype("datetime64[D]")).tolist()])
    columns = {
        "event_date": dates.take(_rows(day_codes[session])),
        "event_timestamp": pa.array(steps["at"].to_numpy(), pa.int64()),
        "event_name": names.take(_rows(name_codes)),
        "event_params": _parameters(sessions, steps, location, before, pages),
        "user_id": _texts(sessions["user_id"]).take(take),
        "user_pseudo_id": _texts(sessions["client_id"]).take(take),
        "user_first_touch_timestamp": pa.array(sessions["first_at"].to_numpy()).take(take),
        "device": _device(sessions).take(take),
        "geo": _structs(country=_texts(sessions["country_name"])).take(take),
        "stream_id": pa.array(["1"]).take(first),
        "platform": pa.array(["WEB"]).take(first),
        "ecommerce": _ecommerce(len(steps)),
        "collected_traffic_source": _collected(sessions, clicks, session, (kind < 2) & (steps["page"].to_numpy() == 0)),
        "is_active_user": pa.array(sessions["is_engaged"].to_numpy()).take(take),
        "session_traffic_source_last_click": _structs(
            manual_campaign=_structs(
                campaign_name=_texts(sessions["campaign_name"]),
                content=_texts(sessions["content"]),
                source=_texts(sessions["source"]),
                medium=_texts(sessions["medium"]),
            )
        ).take(take),
    }
    return pa.table(columns)


def _key_events(sessions: pd.DataFrame) -> list[str]:
    return sorted(sessions["key_event"].dropna().unique().tolist())


def _rows(rows: Values, mask: Values | None = None) -> pa.Array[Any]:
    """Row numbers to take; those masked take nothing."""
    return pa.array(rows.astype(np.int64), pa.int64(), mask=mask)


def _texts(values: pd.Series) -> pa.Array[Any]:
    return pa.array(values.astype("str"), pa.string(), from_pandas=True)


def _structs(**columns: pa.Array[Any]) -> pa.StructArray:
    return pa.StructArray.from_arrays([*columns.values()], names=[*columns])


def _device(sessions: pd.DataFrame) -> pa.StructArray:
    system = sessions["device"].map({"desktop": "Windows", "mobile": "iOS", "tablet": "iPadOS"})
    return _structs(category=_texts(sessions["device"]), operating_system=_texts(system))


def _ecommerce(count: int) -> pa.StructArray:
    """This company sells by contract: its site records no purchase."""
    empty = pa.nulls(count, pa.float64())
    return _structs(transaction_id=pa.nulls(count, pa.string()), purchase_revenue=empty, refund_value=empty)


def _collected(sessions: pd.DataFrame, clicks: pd.DataFrame, session: Values, is_entry: Values) -> pa.StructArray:
    """What the URL of the landing itself said: nothing for direct visits, and nothing on later events."""
    tagged = (sessions["medium"] != "(none)").to_numpy()[session] & is_entry
    rows = _rows(session, ~tagged)
    gclid = clicks["id"].where(clicks["kind"] == "gclid", None)
    return _structs(
        manual_campaign_name=_texts(sessions["campaign"]).take(rows),
        manual_source=_texts(sessions["source"]).take(rows),
        manual_medium=_texts(sessions["medium"]).take(rows),
        manual_content=_texts(sessions["content"].where(sessions["content"] != NOT_SET)).take(rows),
        gclid=_texts(gclid).take(rows),
    )
