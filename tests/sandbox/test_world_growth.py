"""A day is a pure function of seed and day: later snapshots add rows and reveal, they never rename or forget."""

from datetime import date, timedelta
from functools import cache

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sandbox.world import Snapshot, World

START = date(2026, 2, 1)
DAYS = 150
# Days to compare: neighbours, month ends, the night the clocks change (day 56 is 29 March); few, to reuse snapshots.
POOL = (1, 2, 9, 27, 28, 55, 56, 57, 90, 121, 122, 149)
PAIRS = st.tuples(st.sampled_from(POOL), st.sampled_from(POOL)).filter(lambda pair: pair[0] < pair[1])
SEARCH = (Phase.explicit, Phase.generate)  # a failing pair of days is telling enough; shrinking it costs minutes

# Frame → (key, columns a later snapshot may change). Everything else of a row is fixed for ever.
FRAMES = {
    "owners": (["owner_id"], {"archived", "updated_at"}),
    "companies": (["company_id"], {"updated_at", "merged_into"}),
    "contacts": (
        ["contact_id"],
        {
            "company_id", "lifecycle_stage", "lead_at", "mql_at", "sql_at", "opportunity_at", "customer_at",
            "ga_client_id", "lead_source", "user_key", "created_at", "updated_at", "archived_at", "merged_into",
        },
    ),
    "deals": (["deal_id"], {"stage", "amount", "close_date", "lost_reason", "mrr", "updated_at", "archived_at"}),
    "property_history": (["object_type", "object_id", "property", "changed_at"], set()),
    "subscriptions": (["subscription_id"], {"ended_on"}),
    "meetings": (["meeting_id"], {"contact_id", "start_at", "end_at", "outcome", "updated_at", "archived_at"}),
    "calls": (["call_id"], {"contact_id"}),
    "crm_emails": (["email_id"], {"contact_id"}),
    "sessions": (["client_id", "session_id"], set()),
    "email_members": (["list_id", "email"], {"status", "last_changed"}),
    "email_campaigns": (["campaign_id"], set()),
    "email_sends": (["campaign_id", "email"], set()),
    "email_activity": (["campaign_id", "email", "action", "at", "is_machine"], set()),
    "email_unsubscribes": (["campaign_id", "email"], set()),
    "ad_spend": (["date", "platform", "campaign"], set()),
    "marketing_costs": (["month", "category", "channel"], set()),
    "fx_rates": (["date", "currency"], set()),
    "targets": (["kpi", "cadence", "period_start", "dimension", "dimension_value"], set()),
    "touches": (["touched_at", "email", "touch_type", "channel"], set()),
}  # fmt: skip


@cache
def snapshot(day: int) -> Snapshot:
    return World(seed=11, start=START, scale=0.03).snapshot(START + timedelta(days=day))


@pytest.mark.parametrize("name", FRAMES)
def test_keys_are_unique_and_columns_typed(name: str) -> None:
    frame = snapshot(DAYS).frames()[name]
    assert not frame.empty
    assert not frame.duplicated(FRAMES[name][0]).any()
    assert not any(dtype.kind == "O" and dtype.name == "object" for dtype in frame.dtypes), frame.dtypes


@settings(max_examples=20, phases=SEARCH)
@given(PAIRS)
def test_a_later_snapshot_contains_the_earlier_one(pair: tuple[int, int]) -> None:
    day, later = pair
    before, after = snapshot(day).frames(), snapshot(later).frames()
    for name, (key, changing) in FRAMES.items():
        fixed = [column for column in before[name].columns if column not in changing]
        both = before[name][fixed].merge(
            after[name][fixed], on=key, how="left", suffixes=("", "_after"), indicator=True
        )
        assert (both["_merge"] == "both").all(), f"{name}: rows vanished between day {day} and day {later}"
        for column in set(fixed) - set(key):
            same = (both[column] == both[f"{column}_after"]) | (both[column].isna() & both[f"{column}_after"].isna())
            assert same.all(), f"{name}.{column} changed between day {day} and day {later}"


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column as text that is equal where the values are, empty values included."""
    numbers = {name: frame[name].astype("int64") for name in frame.columns if frame[name].dtype.kind == "M"}
    return frame.assign(**numbers).astype(str).fillna("")


@settings(max_examples=20, phases=SEARCH)
@given(PAIRS)
def test_what_changed_says_so(pair: tuple[int, int]) -> None:
    """A record that differs has an `updated_at` between the two snapshots; the cursor of a connector relies on it."""
    for name in ("owners", "companies", "contacts", "deals", "meetings"):
        key = FRAMES[name][0][0]
        before, after = snapshot(pair[0]), snapshot(pair[1])
        old = comparable(before.frames()[name].set_index(key))
        new_frame = after.frames()[name].set_index(key)
        new = comparable(new_frame).loc[old.index]
        changed = old.index[(old != new).any(axis=1)]
        boundary = pd.Timestamp(before.until).tz_localize("Europe/Paris")
        assert (new_frame.loc[changed, "updated_at"] >= boundary).all(), name
        appeared = new_frame.index.difference(old.index)
        assert (new_frame.loc[appeared, "updated_at"] >= boundary).all(), name


def test_nothing_from_the_future_is_known() -> None:
    """Only bookings, expected closes and targets may lie ahead; every other date is before the snapshot."""
    told = snapshot(DAYS)
    horizon = pd.Timestamp(told.until).tz_localize("Europe/Paris")
    ahead = {("deals", "close_date"), ("meetings", "start_at"), ("meetings", "end_at")}
    for name, frame in told.frames().items():
        for column in frame.columns:
            if getattr(frame[column].dtype, "tz", None) is not None and (name, column) not in ahead:
                assert (frame[column].dropna() < horizon).all(), f"{name}.{column}"
    assert (told.meetings["start_at"] >= horizon).any()
    assert (told.subscriptions[["started_on", "ended_on"]].max() < pd.Timestamp(told.until)).all()


def test_late_sessions_arrive_within_three_days_and_never_leave() -> None:
    early, late = snapshot(100), snapshot(104)
    key = ["client_id", "session_id"]
    arrived_early = pd.MultiIndex.from_frame(early.observable_sessions[key])
    arrived_late = late.observable_sessions
    before = arrived_late[arrived_late["started_at"] < pd.Timestamp(early.until).tz_localize("Europe/Paris")]
    assert arrived_early.isin(pd.MultiIndex.from_frame(before[key])).all()
    assert len(before) > len(arrived_early)
    delay = (
        late.sessions["arrives_on"]
        - late.sessions["started_at"].dt.tz_convert("Europe/Paris").dt.tz_localize(None).dt.normalize()
    )
    assert delay.min() == pd.Timedelta(days=1)
    assert delay.max() == pd.Timedelta(days=4)


def test_the_same_world_twice_is_the_same_world() -> None:
    first = World(3, START, 0.02).snapshot(date(2026, 4, 1))
    second = World(3, START, 0.02).snapshot(date(2026, 4, 1))
    other = World(4, START, 0.02).snapshot(date(2026, 4, 1))
    for name, frame in first.frames().items():
        pd.testing.assert_frame_equal(frame, second.frames()[name])
    assert not first.sessions["client_id"].equals(other.sessions["client_id"])


def test_a_world_starts_with_its_first_whole_day() -> None:
    with pytest.raises(ValueError, match="first snapshot"):
        World(start=START).snapshot(START)
    assert len(World(start=START, scale=1.0).snapshot(START + timedelta(days=1)).sessions) > 50
