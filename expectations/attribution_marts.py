"""Gate marts, attribution: every model hands out what there is, once, and says so where it cannot.

Credits add up to their conversion, channels and dimensions to the conversions of the month and the spend of it.
"""

from attribution.model import CUSTOM, RULES
from expectations.kpi_marts import EPSILON, SCHEMA, mart, not_negative, rule
from expectations.model import Expectation, Suite

_RULES = (*RULES, CUSTOM)  # custom is null in every row where no weights are set

# What there is to hand out, by type and month.
_MONTHS = f"""
    select conversion_type, date_trunc('month', converted_date)::date as period_start, count(*) as conversions,
        sum(value_reporting) as value
    from {SCHEMA}.fct_conversions group by all
"""  # noqa: S608
# What is shown is not what was wanted: conversions are doubles, money is exact.
_APART = """
    not abs(coalesce(wanted.conversions, 0) - coalesce(shown.conversions, 0)) <= 1e-6
    or coalesce(wanted.value, 0) <> coalesce(shown.value, 0)
"""


def suites() -> tuple[Suite, ...]:
    """The suites of the marts that hold credits."""
    return (
        mart(
            "attribution_credits",
            (),
            *(not_negative(f"{name}_credit") for name in _RULES),
            _credits_sum_to_one(),
            _values_sum_to_conversion(),
            _every_conversion_credited(),
        ),
        mart(
            "attribution_channels",
            ("model", "conversion_type", "cadence", "period_start", "channel", "campaign"),
            not_negative("conversions"),
            not_negative("value"),
            _channels_conserve_conversions(),
            _channels_conserve_spend(),
        ),
        mart(
            "attribution_data_driven",
            ("model", "conversion_type", "month", "channel"),
            not_negative("conversions"),
            not_negative("value"),
            _months_are_shared_or_withheld(),
        ),
        mart(
            "attribution_dimensions",
            ("model", "conversion_type", "cadence", "period_start", "dimension", "dimension_value"),
            not_negative("conversions"),
            not_negative("value"),
            _dimensions_conserve_conversions(),
        ),
    )


def _per_model(suffix: str) -> str:
    names = ", ".join(f"'{name}'" for name in _RULES)
    sums = ", ".join(f"sum({name}_{suffix})" for name in _RULES)
    return f"conversion_id, unnest([{names}]) as model, unnest([{sums}]) as total"


def _credits_sum_to_one() -> Expectation:
    return rule(
        "credits_sum_to_one",
        f"""
        select * from (select {_per_model("credit")} from {{batch}} group by conversion_id)
        where not abs(total - 1) <= {EPSILON}
        """,  # noqa: S608
        "Every model hands out each conversion once: credits add up to one.",
        column="*_credit",
    )


def _values_sum_to_conversion() -> Expectation:
    return rule(
        "values_sum_to_conversion",
        f"""
        select credited.*, conversions.value_reporting
        from (select {_per_model("value")} from {{batch}} group by conversion_id) as credited
        left join {SCHEMA}.fct_conversions as conversions using (conversion_id)
        where total is distinct from conversions.value_reporting and not (model = '{CUSTOM}' and total is null)
        """,  # noqa: S608
        "Attributed value is the value of the conversion, to the cent, under every model.",
        column="*_value",
    )


def _every_conversion_credited() -> Expectation:
    return rule(
        "every_conversion_credited",
        f"""
        select conversion_id, conversion_type from {SCHEMA}.fct_conversions
        where conversion_id not in (select conversion_id from {{batch}} where conversion_id is not null)
        """,  # noqa: S608
        "A conversion without a touch is credited to `unattributed`, never dropped.",
        column="conversion_id",
    )


def _channels_conserve_conversions() -> Expectation:
    return rule(
        "channels_conserve_conversions",
        f"""
        with shown as (
            select model, conversion_type, period_start, sum(conversions) as conversions, sum(value) as value
            from {{batch}} where cadence = 'month' group by all
        ),
        had as ({_MONTHS}),
        withheld as (
            select model, conversion_type, month as period_start
            from {SCHEMA}.attribution_data_driven where withheld_reason is not null
        ),
        wanted as (
            select models.model, had.* from had cross join (select distinct model from shown) as models
            anti join withheld using (model, conversion_type, period_start)
        )
        select * from wanted full join shown using (model, conversion_type, period_start)
        where {_APART}
        """,  # noqa: S608
        "Channels together show every conversion of the month and its value to the cent, unless a model is withheld.",
        column="conversions, value",
    )


def _months_are_shared_or_withheld() -> Expectation:
    return rule(
        "months_are_shared_or_withheld",
        f"""
        with said as (
            select model, conversion_type, month, sum(conversions) as conversions, sum(value) as value,
                count(withheld_reason) as withheld
            from {{batch}} group by all
        ),
        had as (select * rename (period_start as month) from ({_MONTHS})),
        wanted as (select model, had.* from had, (select distinct model from said))
        select * from wanted left join said using (model, conversion_type, month)
        where (coalesce(said.conversions, 0) <> wanted.conversions or coalesce(said.value, 0) <> wanted.value)
            and coalesce(withheld, 0) = 0
        """,  # noqa: S608
        "Of each month a data-driven model hands out every conversion and its value, to the cent, or says why not.",
        column="conversions, value, withheld_reason",
    )


def _dimensions_conserve_conversions() -> Expectation:
    return rule(
        "dimensions_conserve_conversions",
        f"""
        with shown as (
            select model, dimension, conversion_type, period_start, sum(conversions) as conversions, sum(value) as value
            from {{batch}} where cadence = 'month' group by all
        ),
        had as ({_MONTHS}),
        wanted as (select model, dimension, had.* from had, (select distinct model, dimension from shown))
        select * from wanted full join shown using (model, dimension, conversion_type, period_start)
        where {_APART}
        """,  # noqa: S608
        "Each dimension shows every conversion of the month and its value, to the cent.",
        column="conversions, value",
    )


def _channels_conserve_spend() -> Expectation:
    return rule(
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
