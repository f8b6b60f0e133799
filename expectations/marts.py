"""Gate marts: what must be true of the marts before a release may show them.

Three promises: rows are whole (keys, no address), numbers agree with each other (numerators and values, credits and
conversions, parts and totals, opening and closing) and nothing is missing from the scorecard.
"""

from expectations import model
from expectations.model import Expectation, Severity, Suite
from ingestion.settings import Settings

SCHEMA = "marts"
CADENCES = frozenset({"day", "week", "month", "quarter", "year"})
MODELS = ("first_touch", "last_touch", "last_non_direct", "linear", "position_based", "time_decay")
# KPIs that are shares of a whole.
SHARES = (
    "bounce_rate", "web_conversion_rate", "email_open_rate", "email_open_rate_human", "email_click_rate", "win_rate",
    "customer_churn_rate", "retention_rate",
)  # fmt: skip
# Relative difference two ways of computing one double may have.
EPSILON = 1e-9
MEND = "Look at the model (dbt_project/models/marts) and at what changed in it; `kpilote refresh` after the mend."
KPI_MEND = "Look at the KPI's YAML block and at macros/kpi; `make verify-kpis` names the cells that are wrong."

# Core marts with their key, their columns that are never negative and what else is their own.
_CORE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dim_dates": (("date_day",), ()),
    "dim_owners": (("owner_id",), ()),
    "dim_companies": (("company_id",), ()),
    "dim_persons": (("person_id",), ()),
    "dim_campaigns": (("campaign", "channel"), ()),
    "fct_sessions": (("session_key",), ("page_views", "engagement_seconds", "key_events")),
    "fct_email_sends": (("send_id",), ()),
    "fct_email_events": (("event_id",), ()),
    "fct_leads": (("person_id",), ()),
    "fct_deals": (("deal_id",), ("created_amount_reporting", "amount_reporting")),
    "fct_deal_stages": (("deal_stage_id",), ("duration_days",)),
    "fct_pipeline_daily": (("date_day", "deal_id"), ("amount_reporting",)),
    "fct_activities": (("activity_id",), ()),
    "fct_demo_outlook": (("as_of_week_start", "meeting_id"), ()),
    "fct_spend": (("spend_id",), ("amount", "amount_reporting", "impressions", "clicks")),
    "fct_mrr_movements": (("movement_id",), ()),
    "fct_mrr_daily": (("date_day", "company_id"), ("mrr_reporting",)),
    "fct_customer_periods": (("cadence", "period_start", "company_id"), ()),
    "fct_touchpoints": (("touch_id",), ("touch_number",)),
    "fct_conversions": (("conversion_id",), ("value_reporting",)),
    "journeys": (("conversion_id",), ("touches", "value_reporting", "days_to_conversion")),
    "kpi_catalogue": (("kpi",), ()),
}


def suites(settings: Settings) -> tuple[Suite, ...]:
    """The suites of the marts, the same for every set of sources."""
    own = {
        "fct_sessions": (_bounces_have_no_key_event(),),
        "fct_email_sends": (_human_opens_are_opens(),),
        "fct_leads": (_order("lead_date", "mql_date"),),
        "fct_deals": (_one_deal_state(), _order("created_date", "closed_date")),
        "fct_mrr_movements": (_movements_reach_balance(),),
        "journeys": (_journeys_complete(),),
        "kpi_catalogue": tuple(_told(column) for column in ("label_en", "label_fr", "formula", "decision")),
    }
    core = [
        _suite(table, key, *(_not_negative(column) for column in positive), *own.get(table, ()))
        for table, (key, positive) in _CORE.items()
    ]
    return (
        *core,
        _suite(
            "attribution_credits",
            (),
            *(_not_negative(f"{name}_credit") for name in MODELS),
            _credits_sum_to_one(),
            _values_sum_to_conversion(),
            _every_conversion_credited(),
        ),
        _suite(
            "attribution_channels",
            ("model", "conversion_type", "cadence", "period_start", "channel", "campaign"),
            _not_negative("conversions"),
            _not_negative("value"),
            _channels_conserve_conversions(),
            _channels_conserve_spend(),
        ),
        _suite(
            "kpi_values",
            ("kpi", "cadence", "period_start", "dimension", "dimension_value"),
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
        _suite("kpi_scorecard", ("kpi", "cadence"), _told("label_en"), _told("decision"), _scorecard_complete()),
    )


def _suite(table: str, key: tuple[str, ...], *expectations: Expectation) -> Suite:
    """The suite of a mart: rows exist, key whole and unique, no address in any column, and what is its own."""
    relation = (SCHEMA, table)
    whole = tuple(
        model.not_null(column, reason="A row without its key can be neither found nor joined.", mend=MEND)
        for column in key
    )
    unique = (
        (model.unique(key, reason="BI tools would count the row twice.", mend=MEND),) if key else ()
    )
    return Suite("marts", table, relation, (*whole, *unique, model.no_address(relation), *expectations), key)


def _not_negative(column: str) -> Expectation:
    reason = "A negative amount or count turns sums around."
    return model.between(column, 0, name=f"{column}_not_negative", reason=reason, mend=MEND)


def _words(column: str, words: frozenset[str] | set[str]) -> Expectation:
    return model.one_of(column, words, reason="BI tools filter by these words.", mend=KPI_MEND)


def _told(column: str) -> Expectation:
    reason = "A number without its meaning and decision is no KPI."
    return model.not_null(column, reason=reason, mend="Complete the KPI's YAML block (docs/add-a-kpi.md).")


def _order(earlier: str, later: str) -> Expectation:
    return model.ordered(
        earlier,
        later,
        name=f"{earlier}_before_{later}",
        reason="The record says it ended before it began; it counts in both periods as it stands.",
        mend="Mend the dates in the CRM, then run `kpilote refresh` again.",
        severity="warning",
    )


def _rows(
    name: str, query: str, reason: str, mend: str = MEND, column: str | None = None, severity: Severity = "critical"
) -> Expectation:
    return model.no_rows(name, query, reason=reason, mend=mend, column=column, severity=severity)


def _bounces_have_no_key_event() -> Expectation:
    return _rows(
        "converted_sessions_are_engaged",
        "select session_key, key_events from {batch} where (key_events > 0) and (not is_engaged or not is_converted)",
        "A session with a key event is engaged and converted, or bounce and conversion rates contradict each other.",
        column="is_engaged",
    )


def _human_opens_are_opens() -> Expectation:
    return _rows(
        "human_opens_are_opens",
        "select send_id, is_opened, is_opened_human from {batch} where is_opened_human and not is_opened",
        "Opens by people are part of all opens.",
        column="is_opened_human",
    )


def _one_deal_state() -> Expectation:
    return _rows(
        "one_state",
        """
        select deal_id, is_won, is_lost, is_open, closed_date from {batch}
        where is_won::int + is_lost::int + is_open::int <> 1 or is_open = (closed_date is not null)
        """,
        "A deal is won, lost or open, and closed on a day unless it is open.",
        column="is_won, is_lost, is_open, closed_date",
    )


def _movements_reach_balance() -> Expectation:
    return _rows(
        "movements_reach_balance",
        f"""
        with ends as (select max(date_day) as last_day from {SCHEMA}.fct_mrr_daily)
        select moved.company_id, moved.mrr as movements, coalesce(held.mrr_reporting, 0) as balance
        from (
            select company_id, sum(amount_reporting) as mrr from {{batch}}
            where date_day <= (select last_day from ends) group by company_id
        ) as moved left join {SCHEMA}.fct_mrr_daily as held
            on held.company_id = moved.company_id and held.date_day = (select last_day from ends)
        where moved.mrr <> coalesce(held.mrr_reporting, 0)
        """,  # noqa: S608
        "All movements of a company add up to its MRR, to the cent.",
        column="amount_reporting",
    )


def _journeys_complete() -> Expectation:
    return _rows(
        "every_conversion_has_a_journey",
        f"""
        select conversion_id from {SCHEMA}.fct_conversions
        where conversion_id not in (select conversion_id from {{batch}})
        """,  # noqa: S608
        "Every conversion has a journey, if only an unattributed one.",
    )


def _per_model(suffix: str) -> str:
    names = ", ".join(f"'{name}'" for name in MODELS)
    sums = ", ".join(f"sum({name}_{suffix})" for name in MODELS)
    return f"conversion_id, unnest([{names}]) as model, unnest([{sums}]) as total"


def _credits_sum_to_one() -> Expectation:
    return _rows(
        "credits_sum_to_one",
        f"""
        select * from (select {_per_model("credit")} from {{batch}} group by conversion_id)
        where not abs(total - 1) <= {EPSILON}
        """,  # noqa: S608
        "Every model hands out each conversion once: credits add up to one.",
        column="*_credit",
    )


def _values_sum_to_conversion() -> Expectation:
    return _rows(
        "values_sum_to_conversion",
        f"""
        select credited.*, conversions.value_reporting
        from (select {_per_model("value")} from {{batch}} group by conversion_id) as credited
        left join {SCHEMA}.fct_conversions as conversions using (conversion_id)
        where total is distinct from conversions.value_reporting
        """,  # noqa: S608
        "Attributed value is the value of the conversion, to the cent, under every model.",
        column="*_value",
    )


def _every_conversion_credited() -> Expectation:
    return _rows(
        "every_conversion_credited",
        f"""
        select conversion_id, conversion_type from {SCHEMA}.fct_conversions
        where conversion_id not in (select conversion_id from {{batch}})
        """,  # noqa: S608
        "A conversion without a touch is credited to `unattributed`, never dropped.",
        column="conversion_id",
    )


def _channels_conserve_conversions() -> Expectation:
    return _rows(
        "channels_conserve_conversions",
        f"""
        with shown as (
            select model, conversion_type, period_start, sum(conversions) as conversions, sum(value) as value
            from {{batch}} where cadence = 'month' group by all
        ),
        had as (
            select conversion_type, date_trunc('month', converted_date)::date as period_start, count(*) as conversions,
                sum(value_reporting) as value
            from {SCHEMA}.fct_conversions group by all
        ),
        wanted as (select model, had.* from had, (select distinct model from shown))
        select * from wanted full join shown using (model, conversion_type, period_start)
        where not abs(coalesce(wanted.conversions, 0) - coalesce(shown.conversions, 0)) <= 1e-6
            or coalesce(wanted.value, 0) <> coalesce(shown.value, 0)
        """,  # noqa: S608
        "Channels together show every conversion of the month and its value, to the cent.",
        column="conversions, value",
    )


def _channels_conserve_spend() -> Expectation:
    return _rows(
        "channels_conserve_spend",
        f"""
        with shown as (
            select model, conversion_type, period_start, sum(spend) as spend
            from {{batch}} where cadence = 'month' group by all
        ),
        had as (
            select date_trunc('month', date_day)::date as period_start, sum(amount_reporting) as spend
            from {SCHEMA}.fct_spend where is_marketing group by all
        )
        select shown.*, had.spend as spent from shown left join had using (period_start)
        where shown.spend <> coalesce(had.spend, 0)
        """,  # noqa: S608
        "Channels together cost what marketing cost that month, under every model.",
        column="spend",
    )


def _kpi(name: str, where: str, reason: str, column: str = "value") -> Expectation:
    """A rule each row of kpi_values keeps by itself."""
    shown = "kpi, cadence, period_start, dimension, dimension_value, value, numerator, denominator, null_reason"
    return _rows(name, f"select {shown} from {{batch}} where {where}", reason, KPI_MEND, column)  # noqa: S608


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
    return _rows(
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
    return _rows(
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
    return _rows(
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
    return _rows(
        "every_kpi_present",
        f"""
        select catalogue.kpi, built.cadence
        from {SCHEMA}.kpi_catalogue as catalogue, (select distinct cadence from {{batch}}) as built
        where list_contains(string_split(replace(catalogue.cadences, ' ', ''), ','), built.cadence)
            and (catalogue.kpi, built.cadence) not in (select (kpi, cadence) from {SCHEMA}.kpi_values)
        """,  # noqa: S608
        "A KPI of the catalogue has values in every cadence it promises.",
        KPI_MEND,
        "kpi",
    )


def _scorecard_complete() -> Expectation:
    return _rows(
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
