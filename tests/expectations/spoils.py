"""How to break each expectation of the gates unified and marts: SQL that makes a tiny warehouse wrong in one way.

Most follow from the expectation's kind and column; what a suite says in its own SQL is broken by name.
"""

from expectations.model import Expectation, Suite

_SHARES = "update {table} set value = {value} where kpi = '{kpi}' and dimension = 'total' and cadence = 'day'"

BY_NAME: dict[str, str] = {
    "one_row": "insert into {table} select * from {table}",
    "not_empty": "delete from {table}",
    "no_day_taken_back": "update staging.stg_klaviyo__windows set window_end = '2026-01-20'",
    "rate_positive": "update {table} set rate = 0 where {first}",
    "rates_without_gaps": "delete from {table} where date_day = '2026-02-01'",
    "copies_have_a_day": "update intermediate.int_deals__merges set read_until = null",
    "opening_is_closing_before": "update {table} set opening = opening + 1 where {first}",
    "volume_of_newest_day": "delete from {table} where session_date = '2026-03-01' and session_key not like '%.1'",
    "volume_of_recent_days": "delete from {table} where session_date = '2026-02-25' and session_key not like '%.1'",
    "sessions_as_ga4_reports": "update staging.stg_ga4__daily_traffic set sessions = 100",
    "targets_of_known_kpis": "update staging.stg_spreadsheets__targets set kpi = 'revenu' where rowid = 0",
    "benchmarks_of_known_kpis": "update staging.stg_spreadsheets__benchmarks set kpi = 'revenu' where rowid = 0",
    "converted_sessions_are_engaged": "update {table} set is_engaged = false where {first}",
    "channels_matched": "update {table} set channel_rule = '(none)' where rowid % 10 = 0",
    "every_session_by_a_rule": "update {table} set sessions = sessions + 1 where {first}",
    "human_opens_are_opens": "update {table} set is_opened = false where {first}",
    "one_state": "update {table} set is_lost = true where {first}",
    "movements_reach_balance": "update {table} set amount_reporting = amount_reporting + 0.01 where {first}",
    "first_touch_as_credited": "update {table} set created_amount_reporting = 0.01 where {first}",
    "every_conversion_has_a_journey": "delete from {table} where {first}",
    "paths_conserve_conversions": "update {table} set conversions = conversions + 1 where {first}",
    "credits_sum_to_one": "update {table} set linear_credit = 0.499 where {first}",
    "values_sum_to_conversion": "update {table} set linear_value = linear_value - 0.01 where {first}",
    "every_conversion_credited": "delete from {table} where conversion_id = 'customer:d1'",
    "channels_conserve_conversions": "update {table} set conversions = conversions + 1 where {first}",
    "dimensions_conserve_conversions": "update {table} set value = value + 0.01 where {first}",
    "channels_conserve_spend": "update {table} set spend = spend + 0.01 where {first}",
    "months_are_shared_or_withheld": "update {table} set value = value + 0.01 where channel = 'email'",
    "shares_between_0_and_1": _SHARES.replace("{value}", "1.2").replace("{kpi}", "bounce_rate"),
    "counts_not_negative": _SHARES.replace("{value}", "-1").replace("{kpi}", "web_sessions"),
    "value_is_numerator_by_denominator": _SHARES.replace("{value}", "0.41").replace("{kpi}", "bounce_rate"),
    "nulls_have_a_reason": _SHARES.replace("{value}", "null").replace("{kpi}", "bounce_rate"),
    "money_to_the_cent": _SHARES.replace("{value}", "120.255").replace("{kpi}", "revenue"),
    "retention_and_churn_make_one": _SHARES.replace("{value}", "0.76").replace("{kpi}", "retention_rate"),
    "human_open_rate_below_raw": _SHARES.replace("{value}", "0.9").replace("{kpi}", "email_open_rate_human"),
    "dimensions_add_up": "update {table} set value = value + 1 where dimension_value = 'direct' and cadence = 'month'",
    "periods_aligned": "update {table} set period_start = period_start + 1 where cadence = 'week'",
    "no_period_ahead_of_data": "update {table} set data_through = date '2025-12-31'",
    "every_kpi_present": "delete from {table} where kpi = 'revenue' and cadence = 'week'",
    "scorecard_complete": (
        "insert into marts.kpi_values (kpi, cadence, dimension, period_status) values ('new', 'day', 'total', 'final')"
    ),
}


def breaks_alone(expectation: Expectation) -> bool:
    """Whether it is broken in a warehouse of its own: what breaks it would hide or break others."""
    return expectation.name in BY_NAME or "_before_" in expectation.name


def spoil_of(suite: Suite, expectation: Expectation) -> str:
    """A statement after which the expectation must fail; each expectation of a suite spoils another row."""
    table = ".".join(suite.relation)
    first = f"rowid = {suite.expectations.index(expectation)} % (select count(*) from {table})"
    if expectation.name in BY_NAME:
        return BY_NAME[expectation.name].replace("{table}", table).replace("{first}", first)
    column, name = expectation.column, expectation.name
    if name == "no_address":
        return f"alter table {table} add column note varchar default 'ask someone@example.fr'"
    if name.endswith("_not_null"):
        return f"update {table} set {column} = null where {first}"
    if name.endswith("_unique"):
        return f"insert into {table} select * from {table} where {first}"
    if name.endswith("_not_negative"):
        return f"update {table} set {column} = -1 where {first}"
    if name.endswith(("_known", "_exists")):
        return f"update {table} set {column} = 'nobody' where {first}"
    if "_before_" in name:
        earlier, later = name.split("_before_")
        return f"update {table} set {later} = {earlier} - interval 1 day"
    raise LookupError(f"{suite.table}: nothing here breaks {name}; an expectation that cannot fail is no expectation")
