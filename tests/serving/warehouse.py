"""A small hand-made warehouse with the marts the report reads: two years of an imaginary company, same on every call.

It stands in for the pipeline so that serving is tested alone; its numbers are plausible, not computed from facts.
"""

# ruff: noqa: E501  (one row of data per line)
from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

THROUGH = date(2026, 11, 22)
FIRST = date(2024, 11, 1)
GATES = [
    {"gate": "raw", "passed": True, "expectations": 214, "tables": {"hubspot.deals": {"verdict": "passed", "detail": None}}},
    {"gate": "unified", "passed": True, "expectations": 61,
     "tables": {"int_persons": {"verdict": "warned", "detail": "volume 31% below the usual Sunday"}}},
    {"gate": "marts", "passed": True, "expectations": 48, "tables": {"fct_deals": {"verdict": "passed", "detail": None}}},
]  # fmt: skip

# kpi, English label, French label, unit, direction, cadences, monthly level, growth over two years, target factor (None:
# no target), timing, nature, dashboards, owner, decision
ALL = "day week month quarter year"
KPIS = [
    ("mrr", "Monthly recurring revenue", "Revenu mensuel récurrent", "currency", "up", ALL, 182_400, 0.62, 1.02,
     "lagging", "impact", "vision", "CEO", "Below target two months running: reallocate sales capacity to expansion accounts."),
    ("revenue", "Revenue (bookings)", "Chiffre d’affaires signé", "currency", "up", ALL, 412_000, 0.5, 0.97,
     "lagging", "impact", "vision sales", "Head of Sales", "Behind plan: review the ten largest late-stage deals this week."),
    ("ltv_cac_ratio", "LTV to CAC", "Ratio LTV / CAC", "multiple", "up", "quarter year", 3.4, 0.1, 0.9,
     "lagging", "impact", "vision", "CFO", "Under 3: stop the least efficient channel before adding budget."),
    ("customer_churn_rate", "Customer churn", "Taux d’attrition", "ratio", "down", "month quarter year", 0.021, -0.2, 0.75,
     "lagging", "impact", "vision", "Head of Customer Success", "Above target: call every account whose usage fell by half; freeze price rises."),
    ("cac", "Customer acquisition cost", "Coût d’acquisition client", "currency", "down", "month quarter year", 4_180, 0.1, 0.93,
     "lagging", "impact", "vision marketing", "Head of Marketing", "Above target: move media budget from the costliest channel to the cheapest with volume."),
    ("web_sessions", "Web sessions", "Visites du site", "count", "up", ALL, 13_800, 0.4, None,
     "leading", "activity", "marketing", "Acquisition Manager", "Falling three weeks running: check search rankings, tagging and consent rates first."),
    ("web_conversion_rate", "Web conversion rate", "Taux de conversion du site", "ratio", "up", ALL, 0.0231, 0.1, 1.0,
     "leading", "impact", "marketing", "Web Manager", "Below target: test the landing pages of the channel that lost most conversions."),
    ("leads_created", "Leads created", "Leads créés", "count", "up", ALL, 846, 0.4, 1.08,
     "leading", "activity", "marketing", "Acquisition Manager", "Below target: shift budget to campaigns with the lowest cost per qualified lead."),
    ("mql_count", "Marketing-qualified leads", "Leads qualifiés marketing", "count", "up", ALL, 312, 0.4, 0.95,
     "leading", "impact", "marketing", "Head of Marketing", "Below target with leads on target: revise the scoring with sales."),
    ("cpl", "Cost per lead", "Coût par lead", "currency", "down", "week month quarter year", 41.7, 0.05, 1.2,
     "lagging", "impact", "marketing", "Acquisition Manager", "High with low conversion: narrow the targeting; high with good conversion: accept."),
    ("romi", "Return on marketing investment", "Retour sur investissement marketing", "ratio", "up", "month quarter year", 1.84, 0.2, 0.9,
     "lagging", "impact", "marketing", "Head of Marketing", "Below 1: pause the campaigns without attributed revenue in two quarters."),
    ("pipeline_generated", "Pipeline generated", "Pipeline généré", "currency", "up", ALL, 1_284_000, 0.45, 1.1,
     "leading", "impact", "sales", "Head of Sales", "Below three times the revenue target: book a joint prospecting week."),
    ("new_opportunities", "New opportunities", "Nouvelles opportunités", "count", "up", ALL, 118, 0.35, None,
     "leading", "activity", "sales", "Head of Sales", "Falling with leads stable: review lead hand-over times."),
    ("win_rate", "Win rate", "Taux de transformation", "ratio", "up", "week month quarter year", 0.268, 0.08, 1.03,
     "lagging", "impact", "sales", "Head of Sales", "Falling: read the lost reasons of the period and coach the stage where deals die."),
    ("sales_cycle_days", "Sales cycle", "Durée du cycle de vente", "days", "down", "month quarter year", 47.5, -0.1, 0.92,
     "lagging", "impact", "sales", "Head of Sales", "Lengthening: name the stage that slowed and set an exit criterion."),
    ("pipeline_velocity", "Pipeline velocity", "Vélocité du pipeline", "currency_per_day", "up", "week month quarter", 13_120, 0.4, 0.98,
     "leading", "impact", "sales", "Head of Sales", "Falling: find which of its four factors fell and act on that one."),
    ("demos_next_week", "Demos booked for next week", "Démos de la semaine prochaine", "count", "up", "week", 24, 0.4, 1.05,
     "leading", "activity", "sales", "Inside Sales Lead", "Under target on Friday: call every open demo request the same day."),
    ("open_pipeline", "Open pipeline", "Pipeline ouvert", "currency", "up", ALL, 2_940_000, 0.5, None,
     "leading", "impact", "", "Head of Sales", "Less than three months of target: prospect before discounting."),
    ("email_open_rate", "Email open rate", "Taux d’ouverture", "ratio", "up", ALL, 0.412, 0.05, None,
     "leading", "activity", "", "CRM Manager", "Falling: clean the list and test subjects."),
    ("retention_rate", "Customer retention", "Taux de rétention", "ratio", "up", "month quarter year", 0.979, 0.0, None,
     "lagging", "impact", "", "Head of Customer Success", "Falling: see churn."),
]  # fmt: skip
SHARE = {"day": 1 / 30.4, "week": 7 / 30.4, "month": 1.0, "quarter": 3.0, "year": 12.0}
MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position_based",
    "w_shaped",
    "full_path",
    "time_decay",
)
CHANNELS = {  # share of wins by first touch, by last touch, monthly spend
    "organic_search": (0.26, 0.17, 0), "paid_search": (0.21, 0.15, 9_800), "paid_social": (0.17, 0.05, 6_200),
    "email": (0.05, 0.19, 1_150), "direct": (0.08, 0.22, 0), "referral": (0.11, 0.05, 400),
    "sales": (0.02, 0.12, 0), "display": (0.07, 0.02, 2_100), "unattributed": (0.03, 0.03, 0),
}  # fmt: skip


@dataclass(frozen=True)
class Places:
    """The part of the settings publication needs, in one folder."""

    home: Path
    timezone: str = "Europe/Paris"
    currency: str = "EUR"
    sources: tuple[str, ...] = ("hubspot", "ga4", "mailchimp", "spreadsheets")

    @property
    def warehouse_path(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def releases_dir(self) -> Path:
        return self.home / "releases"

    @property
    def bi_path(self) -> Path:
        return self.home / "kpilote.duckdb"

    @property
    def ledger_dir(self) -> Path:
        return self.home / "ledger"

    @property
    def lake_url(self) -> str:
        return str(self.home / "lake")


def starts(cadence: str, through: date = THROUGH) -> list[date]:
    """Every period start from the first data to `through`, the open period included."""
    found = []
    day = {"day": FIRST, "week": FIRST - timedelta(days=FIRST.weekday()), "month": FIRST.replace(day=1),
           "quarter": date(FIRST.year, 3 * ((FIRST.month - 1) // 3) + 1, 1), "year": date(FIRST.year, 1, 1)}[cadence]  # fmt: skip
    while day <= through:
        found.append(day)
        day = following(day, cadence)
    return found


def following(day: date, cadence: str) -> date:
    if cadence in ("day", "week"):
        return day + timedelta(days=1 if cadence == "day" else 7)
    months = {"month": 1, "quarter": 3, "year": 12}[cadence]
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def value_rows(
    through: date = THROUGH, refreshed_at: datetime = datetime(2026, 11, 23, 6, 4)
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for kpi, _en, _fr, unit, direction, cadences, level, growth, factor, *_ in KPIS:
        for cadence in cadences.split():
            known: dict[date, float | None] = {}
            draw = random.Random(f"{kpi}/{cadence}")
            for start in starts(cadence, through):
                end = following(start, cadence) - timedelta(days=1)
                age = (start - FIRST).days / 730
                flow = unit in ("count", "currency") and kpi not in (
                    "mrr",
                    "open_pipeline",
                    "cac",
                    "cpl",
                    "demos_next_week",
                )
                share = SHARE[cadence] if flow else 1.0
                season = (
                    1 + 0.08 * math.sin(start.month / 12 * 2 * math.pi) + draw.gauss(0, 0.05 if kpi != "mrr" else 0.006)
                )
                value: float | None = level * share * (1 - growth / 2 + growth * age) * season
                if unit == "count":
                    value = float(round(value or 0))
                if kpi == "retention_rate":
                    value = min(value or 0, 0.995)
                if kpi == "pipeline_velocity" and cadence == "week" and start > date(2026, 11, 8):
                    value = None
                known[start] = value
                elapsed = [earlier for earlier in known if earlier < start]
                previous = known[elapsed[-1]] if elapsed else None
                last_year = (
                    date(start.year - 1, start.month, 1)
                    if cadence not in ("day", "week")
                    else start - timedelta(days=364)
                )
                year_ago = known.get(last_year)
                goal = None if factor is None else round(level * share * factor * (1 + growth * (age - 0.5)), 4)
                won = round(31 * SHARE[cadence])
                ratio = unit == "ratio" and value is not None
                numerator, denominator = (float(won), won / value) if ratio and value else (None, None)
                status = "no_target"
                if goal is not None and value is not None:
                    reached = value / goal if direction == "up" else goal / value
                    status = "on_track" if reached >= 1 else "at_risk" if reached >= 0.9 else "off_track"
                rows.append((
                    kpi, cadence, start, end, "total", "total", value, numerator, denominator, unit,
                    "EUR" if unit.startswith("currency") else None, None if value is not None else "too_few_deals", goal, status,
                    previous, None if not previous or value is None else value / previous - 1,
                    year_ago, None if not year_ago or value is None else value / year_ago - 1,
                    "open" if end > through else "provisional" if end > through - timedelta(days=4) else "final",
                    through, f"{kpi}@1", refreshed_at,
                ))  # fmt: skip
    return rows + movement_rows(rows, through, refreshed_at)


def movement_rows(rows: list[tuple[object, ...]], through: date, refreshed_at: datetime) -> list[tuple[object, ...]]:
    """Monthly movements that carry MRR from one month end to the next, to the cent."""
    made: list[tuple[object, ...]] = []
    months = [row for row in rows if row[0] == "mrr" and row[1] == "month"]
    for before, row in itertools.pairwise(months):
        net = round(float(str(row[6])) - float(str(before[6])), 2)
        parts = {"expansion": 3_120.0, "reactivation": 640.0, "contraction": -1_480.0, "churn": -2_950.0}
        parts["new"] = round(net - sum(parts.values()), 2)
        for movement, amount in parts.items():
            made.append(("mrr_movements", *row[1:4], "movement", movement, amount, amount, None, "currency", "EUR", None, None,
                         "no_target", None, None, None, None, row[18], through, "mrr_movements@1", refreshed_at))  # fmt: skip
    return made


def attribution_rows(through: date = THROUGH) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    weights = {
        "first_touch": 1.0,
        "last_touch": 0.0,
        "last_non_direct": 0.12,
        "linear": 0.5,
        "position_based": 0.55,
        "w_shaped": 0.6,
        "full_path": 0.52,
        "time_decay": 0.3,
    }
    for cadence, months in (("month", 1), ("quarter", 3)):
        for start in starts(cadence, through):
            for model in MODELS:
                shares = {c: weights[model] * f + (1 - weights[model]) * last for c, (f, last, _) in CHANNELS.items()}
                if model == "last_non_direct":
                    shares["email"] += shares["direct"] - 0.02
                    shares["direct"] = 0.02
                scale = sum(shares.values())
                for channel, (_, _, monthly) in CHANNELS.items():
                    conversions, spend = 31 * months * shares[channel] / scale, monthly * months
                    value = round(412_000 * months * shares[channel] / scale, 2)
                    rows.append((model, "customer", cadence, start, channel, "(none)", conversions, value, spend, spend,
                                 spend / conversions if spend else None, value / spend if spend else None,
                                 (value * 0.8 - spend) / spend if spend else None))  # fmt: skip
    return rows


def catalogue_rows() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    everything = [*KPIS, ("mrr_movements", "MRR movements", "Mouvements du MRR", "currency", "up", "month", 0, 0, None,
                          "lagging", "impact", "", "CFO", "Read churn and contraction before celebrating new.")]  # fmt: skip
    for (
        kpi,
        en,
        fr,
        unit,
        direction,
        cadences,
        _level,
        _growth,
        _factor,
        timing,
        nature,
        dashboards,
        owner,
        decision,
    ) in everything:
        benchmark = (0.2, "saas", 2025, "Vendor study of 2025") if kpi == "win_rate" else (None, None, None, None)
        rows.append((kpi, en, fr, f"{en}: what it counts, by which date, and what it leaves out.", f"what {kpi} divides by what", None,
                     unit, "EUR" if unit.startswith("currency") else None, direction, ", ".join(cadences.split()), "channel, country",
                     owner, decision, None, timing, nature, "acquisition", "lead", "growth", "additive", "contacts", False, None,
                     "saas" if kpi == "mrr" else None, ", ".join(dashboards.split()), 4, None, *benchmark, f"{kpi}@1"))  # fmt: skip
    return rows


def build(path: Path, *, through: date = THROUGH, refreshed_at: datetime = datetime(2026, 11, 23, 6, 4)) -> Path:
    """(Re)write the warehouse file as a finished run through `through` leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as db:
        db.execute(
            "create schema marts; create schema staging; create table staging.stg_secret as select 1 as never_published"
        )
        db.execute("""create table marts.kpi_values (kpi varchar, cadence varchar, period_start date, period_end date,
            dimension varchar, dimension_value varchar, value double, numerator double, denominator double, unit varchar,
            currency varchar, null_reason varchar, target double, status varchar, previous_value double, change_ratio double,
            year_ago_value double, year_ago_change_ratio double, period_status varchar, data_through date,
            definition_version varchar, refreshed_at timestamp)""")
        _insert(db, "kpi_values", value_rows(through, refreshed_at))
        db.execute("""create table marts.kpi_catalogue (kpi varchar, label_en varchar, label_fr varchar, description varchar,
            formula varchar, formula_fr varchar, unit varchar, currency varchar, direction varchar, cadences varchar,
            dimensions varchar, owner varchar, decision varchar, decision_fr varchar, timing varchar, nature varchar,
            aarrr_stage varchar, funnel_stage varchar, objective varchar, additivity varchar, source_entities varchar,
            is_vanity boolean, paired_with varchar, north_star_of varchar, dashboards varchar, late_days integer,
            not_in_metricflow varchar, benchmark double, benchmark_sector varchar, benchmark_year integer,
            benchmark_source varchar, definition_version varchar)""")
        _insert(db, "kpi_catalogue", catalogue_rows())
        db.execute("""create table marts.kpi_scorecard as select v.* exclude (numerator, denominator, dimension, dimension_value),
            c.label_en, c.label_fr, c.direction, c.timing, c.nature, c.owner, c.decision, c.decision_fr, c.north_star_of,
            c.dashboards, c.is_vanity, c.paired_with
            from marts.kpi_values v join marts.kpi_catalogue c using (kpi)
            where v.dimension = 'total' and v.period_status <> 'open'
            qualify row_number() over (partition by v.kpi, v.cadence order by v.period_start desc) = 1""")
        db.execute("""create table marts.attribution_channels (model varchar, conversion_type varchar, cadence varchar,
            period_start date, channel varchar, campaign varchar, conversions double, value decimal(18,2), spend decimal(18,2),
            media_spend decimal(18,2), cpa double, roas double, romi double)""")
        _insert(db, "attribution_channels", attribution_rows(through))
        db.execute(f"""create table marts.fct_leads as select 'p' || range as person_id,
            date '{through}' - (range % 300)::integer as lead_date, 'email' as channel from range(5000)""")
    return path


def next_day(places: Places, days: int = 1) -> None:
    """The warehouse as the run of a later day leaves it."""
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute(f"update marts.kpi_values set data_through = data_through + {days}")
        db.execute(f"update marts.fct_leads set lead_date = lead_date + {days}")


def _insert(db: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[object, ...]]) -> None:
    # Through Arrow: a statement per row takes a thousand times longer.
    names = [name for name, *_ in db.execute(f"describe marts.{table}").fetchall()]
    columns = pa.table({name: pa.array([row[index] for row in rows]) for index, name in enumerate(names)})
    db.register("incoming", columns)
    db.execute(f"insert into marts.{table} from incoming")
    db.unregister("incoming")
