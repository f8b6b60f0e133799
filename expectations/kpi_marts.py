"""Gate marts, the KPI tables: what `kpi_values`, `kpi_catalogue` and `kpi_scorecard` promise to BI tools.

Shares stay shares, a ratio is its numerator by its denominator, parts make their total, money is whole cents, a
missing number says why, and nothing is missing from the scorecard. Also here: what all suites of the marts share.
"""

from expectations import model
from expectations.model import Expectation, Suite

SCHEMA = "marts"
WITHOUT_TEXT = ("dim_dates",)
CADENCES = frozenset({"day", "week", "month", "quarter", "year"})
# KPIs that are shares of a whole.
SHARES = (
    "bounce_rate", "web_conversion_rate", "email_open_rate", "email_open_rate_human", "email_click_rate", "win_rate",
    "customer_churn_rate", "retention_rate",
)  # fmt: skip
# Relative difference two ways of computing one double may have.
EPSILON = 1e-9
MEND = "Look at the model (dbt_project/models/marts) and at what changed in it; `kpilote refresh` after the mend."
KPI_MEND = "Look at the KPI's YAML block and at macros/kpi; `make verify-kpis` names the cells that are wrong."


def suites() -> tuple[Suite, ...]:
    """The suites of the KPI tables."""
    told = ("label_en", "label_fr", "formula", "decision")
    return (
        mart(
            "kpi_catalogue",
            ("kpi",),
            _not_empty(),
            *(_told(column) for column in told),
            *(_rows_of_known_kpis(file_type) for file_type in ("targets", "benchmarks")),
        ),
        mart(
            "kpi_values",
            ("kpi", "cadence", "period_start", "dimension", "dimension_value"),
            _not_empty(),
            _words("cadence", CADENCES),
            _words("status", {"on_track", "at_risk", "off_track", "no_target"}),
            _words("period_status", {"open", "provisional", "final"}),
            _shares_in_range(),
            _counts_not_negative(),
            _value_is_ratio(),
            _nulls_have_reason(),
            _money_to_the_cent(),
            _retention_and_churn_make_one(),
            _human_rate_below_raw(),
            _dimensions_add_up(),
            _periods_aligned(),
            _periods_reached(),
            _every_kpi_present(),
        ),
        mart(
            "kpi_scorecard",
            ("kpi", "cadence"),
            _not_empty(),
            _told("label_en"),
            _told("decision"),
            _scorecard_complete(),
        ),
    )


def mart(table: str, key: tuple[str, ...], *expectations: Expectation) -> Suite:
    """The suite of a mart: key whole and unique, no address in any text, and what is its own."""
    relation = (SCHEMA, table)
    whole = tuple(
        model.not_null(column, reason="A row without its key can be neither found nor joined.", mend=MEND)
        for column in key
    )
    unique = (model.unique(key, reason="BI tools would count the row twice.", mend=MEND),) if key else ()
    clean = () if table in WITHOUT_TEXT else (model.no_address(relation),)
    return Suite("marts", table, relation, (*whole, *unique, *clean, *expectations), key)


def rule(name: str, query: str, reason: str, mend: str = MEND, column: str | None = None) -> Expectation:
    return model.no_rows(name, query, reason=reason, mend=mend, column=column)


def not_negative(column: str) -> Expectation:
    reason = "A negative amount or count turns sums around."
    return model.between(column, 0, name=f"{column}_not_negative", reason=reason, mend=MEND)


def _words(column: str, words: frozenset[str] | set[str]) -> Expectation:
    return model.one_of(column, words, reason="BI tools filter by these words.", mend=KPI_MEND)


def _not_empty() -> Expectation:
    return model.row_count("not_empty", 1, reason="A release without KPIs tells nobody anything.", mend=KPI_MEND)


def _told(column: str) -> Expectation:
    reason = "A number without its meaning and decision is no KPI."
    return model.not_null(column, reason=reason, mend="Complete the KPI's YAML block (docs/add-a-kpi.md).")


def _rows_of_known_kpis(file_type: str) -> Expectation:
    return model.no_rows(
        f"{file_type}_of_known_kpis",
        f"""
        select kpi, file_name, row_number from warehouse.staging.stg_spreadsheets__{file_type}
        where kpi not in (select kpi from {{batch}})
        """,  # noqa: S608
        column="kpi",
        reason=f"A row of the {file_type} file names a KPI that does not exist, so nothing shows it.",
        mend="Write the KPI's name as the catalogue does, in the file and row named; then run `kpilote refresh` again.",
        severity="warning",
    )


def _kpi(name: str, where: str, reason: str, column: str = "value") -> Expectation:
    """A rule each row of kpi_values keeps by itself."""
    shown = "kpi, cadence, period_start, dimension, dimension_value, value, numerator, denominator, null_reason"
    return rule(name, f"select {shown} from {{batch}} where {where}", reason, KPI_MEND, column)  # noqa: S608


def _shares_in_range() -> Expectation:
    shares = ", ".join(f"'{kpi}'" for kpi in SHARES)
    return _kpi(
        "shares_between_0_and_1",
        f"kpi in ({shares}) and not value between 0 and 1",
        "A share of a whole lies between 0 and 1.",
    )


def _counts_not_negative() -> Expectation:
    return _kpi("counts_not_negative", "unit = 'count' and value < 0", "There are no fewer than zero of a thing.")


def _value_is_ratio() -> Expectation:
    return _kpi(
        "value_is_numerator_by_denominator",
        f"denominator <> 0 and not abs(value - numerator / denominator) <= {EPSILON} * greatest(1, abs(value))"
        " or denominator = 0 and value is not null",
        "A ratio is its numerator by its denominator, and nothing when the denominator is zero.",
        "value, numerator, denominator",
    )


def _nulls_have_reason() -> Expectation:
    return _kpi(
        "nulls_have_a_reason",
        "(value is null) <> (null_reason is not null) or not isfinite(value)",
        "A missing number says why it is missing, and a number that is there is finite.",
        "value, null_reason",
    )


def _money_to_the_cent() -> Expectation:
    return _kpi(
        "money_to_the_cent",
        "unit = 'currency' and denominator is null and abs(value * 100 - round(value * 100)) > 1e-4",
        "Sums of money are whole cents.",
    )


def _retention_and_churn_make_one() -> Expectation:
    return rule(
        "retention_and_churn_make_one",
        f"""
        select churned.cadence, churned.period_start, churned.dimension, churned.dimension_value,
            churned.value as churn, kept.value as retention
        from (select * from {{batch}}) as churned
        inner join {SCHEMA}.kpi_values as kept using (cadence, period_start, dimension, dimension_value)
        where churned.kpi = 'customer_churn_rate' and kept.kpi = 'retention_rate'
            and not abs(churned.value + kept.value - 1) <= {EPSILON}
        """,  # noqa: S608
        "A customer stays or leaves.",
        KPI_MEND,
        "value",
    )


def _human_rate_below_raw() -> Expectation:
    return rule(
        "human_open_rate_below_raw",
        f"""
        select human.cadence, human.period_start, human.dimension, human.dimension_value, human.value, raw.value as raw
        from (select * from {{batch}}) as human
        inner join {SCHEMA}.kpi_values as raw using (cadence, period_start, dimension, dimension_value)
        where human.kpi = 'email_open_rate_human' and raw.kpi = 'email_open_rate' and human.value > raw.value
        """,  # noqa: S608
        "Opens by people are part of all opens.",
        KPI_MEND,
        "value",
    )


def _dimensions_add_up() -> Expectation:
    return rule(
        "dimensions_add_up",
        f"""
        select kpi, cadence, period_start, parts.dimension, parts.value as sum_of_parts, whole.value as total
        from (
            select kpi, cadence, period_start, dimension, sum(value) as value
            from {{batch}} where dimension <> 'total' group by all
        ) as parts
        inner join (
            select kpi, cadence, period_start, value from {SCHEMA}.kpi_values where dimension = 'total'
        ) as whole using (kpi, cadence, period_start)
        inner join {SCHEMA}.kpi_catalogue as catalogue using (kpi)
        where catalogue.additivity = 'additive'
            and not abs(parts.value - whole.value) <= {EPSILON} * greatest(1, abs(whole.value))
        """,  # noqa: S608
        "The parts of an additive KPI make its total; rows of unknown channel, country or owner count under `(none)`.",
        KPI_MEND,
        "value",
    )


def _periods_aligned() -> Expectation:
    return _kpi(
        "periods_aligned",
        "period_end < period_start or cadence = 'day' and period_end <> period_start"
        " or cadence = 'week' and isodow(period_start) <> 1"
        " or cadence in ('month', 'quarter', 'year') and period_start <> date_trunc(cadence, period_start)::date",
        "A period starts on its own first day: Monday, first of month, quarter or year.",
        "period_start, period_end",
    )


def _periods_reached() -> Expectation:
    return _kpi(
        "no_period_ahead_of_data",
        "period_start > data_through or data_through is null or period_status <> 'open' and period_end > data_through",
        "No period is shown that the sources have not reached, and none is called complete before its last day.",
        "period_start, period_end, data_through",
    )


def _every_kpi_present() -> Expectation:
    return rule(
        "every_kpi_present",
        f"""
        with present as (select distinct kpi, cadence from {{batch}})
        select catalogue.kpi, built.cadence
        from {SCHEMA}.kpi_catalogue as catalogue, (select distinct cadence from present) as built
        where list_contains(string_split(replace(catalogue.cadences, ' ', ''), ','), built.cadence)
            and (catalogue.kpi, built.cadence) not in (select (kpi, cadence) from present)
        """,  # noqa: S608
        "A KPI of the catalogue has values in every cadence it promises.",
        KPI_MEND,
        "kpi",
    )


def _scorecard_complete() -> Expectation:
    return rule(
        "scorecard_complete",
        f"""
        select distinct kpi, cadence from {SCHEMA}.kpi_values
        where dimension = 'total' and period_status <> 'open'
            and (kpi, cadence) not in (select (kpi, cadence) from {{batch}})
        """,  # noqa: S608
        "Every KPI with a complete period stands on the scorecard.",
        KPI_MEND,
        "kpi",
    )
