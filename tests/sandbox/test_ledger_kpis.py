"""The ledger agrees with itself: identities that hold whatever the company did, and small cases worked out by hand."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from sandbox.world import Snapshot, World
from sandbox.world.ledger import Ledger, Rules
from sandbox.world.ledger.kpis import KPIS
from sandbox.world.ledger.periods import covered_periods, local_day, period_start

START, UNTIL = date(2025, 9, 1), date(2026, 4, 16)
ADDITIVE = {
    "web_sessions", "leads_created", "mql_count", "pipeline_generated", "marketing_sourced_pipeline",
    "marketing_influenced_pipeline", "new_opportunities", "revenue", "open_pipeline", "mrr", "mrr_movements",
    "meetings_booked", "demos_next_week",
}  # fmt: skip


@cache
def told() -> Snapshot:
    return World(seed=5, start=START, scale=0.25).snapshot(UNTIL)


@cache
def ledger() -> Ledger:
    return Ledger(told())


def total(kpi: str, cadence: str) -> pd.DataFrame:
    return ledger().cells(kpi, cadence).set_index("period_start")


@pytest.mark.parametrize("kpi", KPIS)
def test_cells_have_one_shape(kpi: str) -> None:
    for cadence in KPIS[kpi].cadences:
        periods = covered_periods(START, UNTIL, cadence)["period_start"]
        for dimension in ("total", *KPIS[kpi].dimensions):
            cells = ledger().cells(kpi, cadence, dimension)
            assert list(cells.columns) == ["period_start", "dimension_value", "numerator", "denominator", "value"]
            assert not cells.duplicated(["period_start", "dimension_value"]).any()
            assert set(cells["period_start"]) <= set(periods)
            assert np.isfinite(cells["value"].dropna()).all()
            if dimension == "total":
                assert list(cells["period_start"]) == list(periods)


@pytest.mark.parametrize("kpi", sorted(ADDITIVE))
def test_dimensions_add_up_to_the_total(kpi: str) -> None:
    for cadence in KPIS[kpi].cadences:
        for dimension in KPIS[kpi].dimensions:
            cells = ledger().cells(kpi, cadence, dimension)
            sums = cells.groupby("period_start")["value"].sum()
            whole = total(kpi, cadence)["value"]
            assert np.allclose(sums.reindex(whole.index, fill_value=0.0), whole, atol=0.005), (cadence, dimension)


@pytest.mark.parametrize(
    "kpi", sorted(kpi for kpi in ADDITIVE - {"open_pipeline", "mrr"} if "day" in KPIS[kpi].cadences)
)
def test_days_add_up_to_longer_periods(kpi: str) -> None:
    days = ledger().cells(kpi, "day")
    # Days before the start count in the first week and month only: contracts are older than the world.
    for cadence in ("week", "month", "quarter", "year"):
        whole = total(kpi, cadence)["value"].iloc[1:]
        sums = days.groupby(period_start(days["period_start"], cadence))["value"].sum().reindex(whole.index)
        assert np.allclose(sums, whole, atol=0.005), cadence


def test_bounced_and_engaged_sessions_are_all_sessions() -> None:
    sessions = told().observable_sessions
    engaged = (
        (sessions["engagement_ms"] >= 10_000) | (sessions["page_views"] >= 2) | sessions["key_event"].notna()
    ).sum()
    bounced = total("bounce_rate", "year")["numerator"].sum()
    assert bounced + engaged == len(sessions) == total("web_sessions", "year")["value"].sum()


def test_retention_and_churn_are_one() -> None:
    for cadence in ("month", "quarter", "year"):
        for dimension in ("total", "segment", "country"):
            churn = ledger().cells("customer_churn_rate", cadence, dimension)
            kept = ledger().cells("retention_rate", cadence, dimension)
            assert (churn["denominator"] == kept["denominator"]).all()
            assert np.allclose((churn["value"] + kept["value"]).dropna(), 1.0)


def test_opening_mrr_and_movements_are_closing_mrr() -> None:
    for cadence in ("day", "week", "month", "quarter", "year"):
        closing = total("mrr", cadence)["value"]
        moved = total("mrr_movements", cadence)["value"]
        assert np.allclose(closing.diff().iloc[1:], moved.iloc[1:], atol=0.005), cadence
    last = ledger().facts.contracts
    active = last[last["end"].isna()]["cents"].sum() / 100
    assert total("mrr", "day")["value"].iloc[-1] == pytest.approx(active)
    assert set(ledger().cells("mrr_movements", "year", "movement")["dimension_value"]) == {
        "new", "expansion", "contraction", "churn", "reactivation",
    }  # fmt: skip


def test_opens_by_people_are_among_all_opens() -> None:
    for cadence in ("day", "month"):
        all_opens, human = total("email_open_rate", cadence), total("email_open_rate_human", cadence)
        assert (human["numerator"] <= all_opens["numerator"]).all()
        assert (human["denominator"] == all_opens["denominator"]).all()


def test_win_rate_of_the_whole_time_matches_the_crm() -> None:
    deals = told().deals[told().deals["archived_at"].isna()]
    won, lost = (deals["stage"] == "closedwon").sum(), (deals["stage"] == "closedlost").sum()
    cells = total("win_rate", "year")
    assert cells["numerator"].sum() == won
    assert cells["denominator"].sum() == won + lost
    assert total("avg_deal_size", "year")["denominator"].sum() == won


def test_open_pipeline_of_the_last_day_is_what_the_crm_shows() -> None:
    deals = told().deals[told().deals["archived_at"].isna()]
    standing = deals[~deals["stage"].isin(["closedwon", "closedlost"])]
    rate = told().fx_rates.query("currency == 'USD'").iloc[-1]["rate"]
    euros = np.where(standing["currency"] == "USD", standing["amount"] * rate, standing["amount"])
    assert total("open_pipeline", "day")["value"].iloc[-1] == pytest.approx(euros.sum(), abs=0.005 * len(standing))


def test_composites_are_made_of_their_parts() -> None:
    quarter = total("ltv_cac_ratio", "quarter")["value"].index[-2]
    last_day = quarter + pd.offsets.QuarterEnd()
    paid = ledger().facts.contracts
    active = paid[(paid["first"] <= last_day) & ~(paid["end"] <= last_day)]
    churn = total("customer_churn_rate", "month").loc[: last_day.replace(day=1) - pd.Timedelta(days=1)].tail(6)
    months = churn["numerator"].sum() / churn["denominator"].sum()
    value = active["cents"].sum() / 100 / active["company"].nunique() * 0.8 / months
    price = total("cac", "quarter").loc[quarter, "value"]
    assert total("ltv_cac_ratio", "quarter").loc[quarter, "value"] == pytest.approx(value / price)


def test_too_few_wins_have_no_velocity() -> None:
    strict = Ledger(told(), rules=Rules(velocity_min_won=10_000))
    assert strict.cells("pipeline_velocity", "month")["value"].isna().all()
    assert total("pipeline_velocity", "month")["value"].notna().any()


def test_no_cells_where_none_are_defined() -> None:
    for kpi, cadence, dimension in (("cac", "day", "total"), ("mrr", "day", "channel"), ("win_rate", "day", "total")):
        with pytest.raises(KeyError, match=kpi):
            ledger().cells(kpi, cadence, dimension)


def test_days_are_cut_in_paris_summer_time_and_all() -> None:
    instants = pd.to_datetime(
        pd.Series(["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"])
    )
    days = local_day(instants, "Europe/Paris")
    assert days.dt.strftime("%m-%d").tolist() == ["03-28", "03-29", "03-29", "03-30"]


def test_weeks_are_iso_weeks_across_the_new_year() -> None:
    days = pd.Series(pd.to_datetime(["2025-12-28", "2025-12-29", "2026-01-04", "2026-01-05"]))
    starts = period_start(days, "week").dt.strftime("%Y-%m-%d").tolist()
    assert starts == ["2025-12-22", "2025-12-29", "2025-12-29", "2026-01-05"]


def test_a_client_of_two_persons_is_the_older_contacts() -> None:
    world = told()
    shared = world.contacts["ga_client_id"].dropna()
    shared = shared[shared.duplicated(keep=False)]
    rows = world.contacts.loc[shared.index].sort_values("created_at")
    rows = rows[rows["merged_into"].isna() & rows["archived_at"].isna() & ~rows["is_test"]]
    client = rows["ga_client_id"].iloc[0]
    oldest = rows[rows["ga_client_id"] == client]["contact_id"].iloc[0]
    assert ledger().facts.observed.client_owner[client] == oldest


def test_amounts_are_converted_at_their_day_and_rounded_half_away_from_zero() -> None:
    rates = pd.DataFrame({"date": pd.to_datetime(["2026-01-05"]), "currency": ["USD"], "rate": [0.915]})
    observed = Ledger(replace(told(), fx_rates=rates)).facts.observed
    day = pd.Series(pd.to_datetime(["2026-01-05"] * 3))
    cents = observed.cents(pd.Series([10.0, 0.10, 7.77]), pd.Series(["USD", "USD", "EUR"]), day)
    assert cents.tolist() == [915, 9, 777]  # 9.15 cents → 9
    half = observed.cents(pd.Series([1.0]), pd.Series(["USD"]), day.iloc[:1])
    assert half.tolist() == [92]  # 91.5 cents


def test_a_late_session_counts_once_it_has_arrived() -> None:
    world = told()
    last_day = pd.Timestamp(UNTIL) - pd.Timedelta(days=1)
    waiting = world.sessions[world.sessions["consented"] & (world.sessions["arrives_on"] > pd.Timestamp(UNTIL))]
    assert len(waiting)
    arrived = replace(world, sessions=world.sessions.assign(arrives_on=last_day))
    more = Ledger(arrived).cells("web_sessions", "year")["value"].sum() - total("web_sessions", "year")["value"].sum()
    assert more == len(waiting)
