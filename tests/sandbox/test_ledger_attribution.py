"""Attribution of the ledger: the models on paths worked out by hand, and conservation over the whole company."""

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.world import World
from sandbox.world.ledger import Ledger, Rules
from sandbox.world.ledger.attribution import (
    Path,
    by_roles,
    cents_of,
    credit,
    full_path,
    journeys,
    linear,
    position_based,
    time_decay,
    w_shaped,
)
from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import CONVERSION_TYPES, MODELS, Paths

RULES = Rules()


@cache
def ledger() -> Ledger:
    return Ledger(World(seed=5, start=date(2025, 9, 1), scale=0.1).snapshot(date(2026, 3, 16)))


@pytest.mark.parametrize("conversion_type", CONVERSION_TYPES)
@pytest.mark.parametrize("model", MODELS)
def test_credits_are_the_conversions_and_the_money_to_the_cent(model: str, conversion_type: str) -> None:
    found = ledger().facts.conversions
    wanted = found[found["type"] == conversion_type].set_index("conversion")
    credits = ledger().credits(model, conversion_type)
    by_conversion = credits.groupby("conversion")[["credit", "cents"]].sum()
    assert by_conversion.index.sort_values().equals(wanted.index.sort_values())
    assert np.allclose(by_conversion["credit"], 1.0)
    assert (by_conversion["cents"] == wanted["cents"].loc[by_conversion.index]).all()
    told = ledger().attribution(model, conversion_type)
    assert told["conversions"].sum() == pytest.approx(len(wanted))
    assert round(told["value"].sum() * 100) == wanted["cents"].sum()


def test_every_kind_of_touch_takes_part() -> None:
    assert set(ledger().facts.touches["type"]) == {
        "session", "email_click", "meeting", "call", "event", "partner_referral", "offline",
    }  # fmt: skip
    assert "unattributed" in set(ledger().attribution("linear", "lead")["channel"])


def test_no_touch_after_the_conversion_or_before_the_lookback() -> None:
    paths = journeys(ledger().facts.observed, ledger().facts.touches, ledger().facts.conversions, "opportunity")
    times = ledger().facts.touches["at"]
    persons = ledger().facts.touches["person"]
    for at, person, rows in zip(paths.conversions["at"], paths.conversions["person"], paths.rows, strict=True):
        own = times[persons == person]
        inside = own[(own <= at) & (own >= at - pd.Timedelta(days=90))]
        assert list(inside.index) == list(rows)


def test_models_on_a_path_of_three() -> None:
    found = pd.DataFrame(
        {"type": ["customer"], "conversion": ["c"], "person": ["p"], "company": ["x"], "cents": [10_000]}
    )
    found["at"] = pd.to_datetime(["2026-02-15T12:00:00Z"])
    found["lead_at"] = pd.to_datetime(["2026-02-08T12:00:00Z"])
    found["opportunity_at"] = pd.to_datetime(["2026-02-01T11:59:59Z"])
    touches = pd.DataFrame(
        {
            "person": ["p", "p", "p", "p"],
            "type": "session",
            "id": ["1", "2", "3", "4"],
            "at": pd.to_datetime(
                ["2026-02-01T12:00:00Z", "2026-02-08T12:00:00Z", "2026-02-15T12:00:00Z", "2026-02-15T12:00:01Z"]
            ),
            "channel": ["paid_search", "email", "direct", "sales"],
            "campaign": ["brand-search", "news", "(none)", "(none)"],
            "content": ["video", "(none)", "(none)", "(none)"],
        }
    )
    paths = journeys(ledger().facts.observed, touches, found, "customer")
    expected = {
        "first_touch": [1, 0, 0],
        "last_touch": [0, 0, 1],
        "last_non_direct": [0, 1, 0],
        "linear": [1 / 3, 1 / 3, 1 / 3],
        "position_based": [0.4, 0.2, 0.4],
        "w_shaped": [3 / 7, 3 / 7, 1 / 7],
        "full_path": [1 / 3, 1 / 3, 1 / 3],
        "time_decay": [1 / 7, 2 / 7, 4 / 7],
    }
    for model, credits in expected.items():
        told = credit(paths, model, RULES)
        assert told["credit"].tolist() == pytest.approx(credits), model
        assert told["cents"].sum() == 10_000
        assert told["content"].tolist() == ["video", "(none)", "(none)"]
    assert credit(paths, "linear", RULES)["cents"].tolist() == [3333, 3333, 3334]
    assert credit(paths, "linear", RULES)["day"].unique() == [pd.Timestamp("2026-02-15")]


def test_short_paths_of_the_position_model() -> None:
    assert position_based(Path(["email"], [1.0]), RULES) == [1.0]
    assert position_based(Path(["email", "direct"], [1.0, 0.5]), RULES) == [0.5, 0.5]


def test_milestones_share_with_the_first_and_the_last_touch() -> None:
    whole = Path(["a", "b", "c", "d", "e"], [5.0, 4.0, 3.0, 2.0, 1.0], lead=1, opportunity=3)
    assert w_shaped(whole, RULES) == pytest.approx([0.3, 0.3, 0.05, 0.3, 0.05])
    assert full_path(whole, RULES) == pytest.approx([0.225, 0.225, 0.1, 0.225, 0.225])
    one_touch_did_both = Path(["a", "b"], [2.0, 1.0], lead=0, opportunity=0)
    assert w_shaped(one_touch_did_both, RULES) == pytest.approx([0.9, 0.1])
    assert full_path(one_touch_did_both, RULES) == pytest.approx([0.75, 0.25])


def test_custom_weights_go_to_the_roles_that_a_path_has() -> None:
    path = Path(["email", "direct", "direct"], [3.0, 2.0, 1.0])
    assert by_roles(path, {"last_non_direct": 3, "lead": 2, "rest": 1}) == [0.75, 0.125, 0.125]
    assert by_roles(path, {"lead": 1}) == [1 / 3, 1 / 3, 1 / 3]
    with pytest.raises(KeyError, match="gives no weights"):
        ledger().credits("custom", "lead")


def _instants(*days: int) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([pd.Timestamp("2026-03-01T12:00:00Z") + pd.Timedelta(days=day) for day in days])


def test_paths_by_the_settings_of_their_type() -> None:
    found = pd.DataFrame({"type": "opportunity", "conversion": ["a", "b", "c"], "person": ["p", "p", "q"], "cents": 0})
    found = found.assign(
        company=["x", "x", None], at=_instants(4, 9, 9), lead_at=pd.NaT, opportunity_at=_instants(4, 9, 9)
    )
    touches = pd.DataFrame({"person": ["p", "p", "p", "q"], "type": ["session", "call", "session", "session"]})
    touches = touches.assign(id=["1", "2", "3", "4"], at=_instants(0, 3, 5, 2), channel="email", campaign="(none)")

    def told(rules: Rules) -> list[list[str]]:
        observed = Observed(ledger().facts.observed.snapshot, rules)
        observed.persons = pd.DataFrame({"company_id": ["x", "x"]}, index=["p", "q"])
        paths = journeys(observed, touches, found, "opportunity")
        return [paths.touches["id"].iloc[rows.start : rows.stop].tolist() for rows in paths.rows]

    def rules(**changed: Any) -> Rules:
        return replace(RULES, paths={**RULES.paths, "opportunity": Paths(**changed)})

    assert told(RULES) == [["1", "2"], ["1", "2", "3"], ["4"]]
    assert told(rules(touches=("session",))) == [["1"], ["1", "3"], ["4"]]
    assert told(rules(lookback_days=6)) == [["1", "2"], ["2", "3"], []]
    assert told(rules(of_company=True)) == [["1", "4", "2"], ["1", "4", "2", "3"], ["4"]]
    assert told(replace(RULES, since_previous=True)) == [["1", "2"], ["3"], ["4"]]


def test_decay_is_measured_from_the_conversion() -> None:
    near = time_decay(Path(["a", "b"], [7.0, 0.0]), RULES)
    assert near == pytest.approx([1 / 3, 2 / 3])
    assert time_decay(Path(["a", "b"], [10_007.0, 10_000.0]), RULES) == pytest.approx([1 / 3, 2 / 3])


@given(cents=st.integers(0, 10**9), touches=st.integers(1, 40))
def test_cents_are_conserved(cents: int, touches: int) -> None:
    shares = cents_of(cents, linear(Path(["x"] * touches, [0.0] * touches), RULES))
    assert sum(shares) == cents
    assert min(shares) >= 0


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError, match="no attribution model"):
        ledger().credits("u_shaped", "lead")
    with pytest.raises(KeyError, match="no conversion type"):
        ledger().credits("linear", "visit")
