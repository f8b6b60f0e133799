"""Why a row of a fact differs: `diff_<fact> × happened → row_causes_<fact>(row_id, cause)`.

Belongs here: which of a row's columns come from which entity, as data (RULES). A cause is taken from an entity only
when a column that comes from it differs, so that an unrelated edit of the same person explains nothing. What happened
to the entities themselves is read from the lake (`lake`, `derived`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import duckdb

from ingestion.identifiers import SURROGATE
from serving.ledger.days import heard, of_files, of_kind


@dataclass(frozen=True)
class Rule:
    """Where to look for the cause. kind and id name an entity of `happened`, `=cause` in place of a kind is the cause
    itself, where the lake `received` something that can be it. columns: those whose difference makes the rule apply
    (none: any, which only fallbacks may say); a row only one side has is taken by rules that are `lone`. The id is SQL
    over `r`, the row of either side.
    """

    kind: str
    id: str = "''"
    columns: tuple[str, ...] = ()
    lone: bool = False


def _money(amount: str, currency: str, day: str) -> Rule:
    """The rate of an amount's own day moved."""
    return Rule("rate", f"{currency} || ':' || r.{day}::varchar", (amount,))


# What happens to a message is counted for as long (var email_window_days, and the day it was sent).
REACTION_DAYS = 8
# Marts know a colleague by the name.
_OWNERS = Rule("owner_name", "r.owner", ("owner",))
_PLACE = ("country", "segment")
_ORIGIN = ("channel", "campaign")
# When a deal's people were first met.
_MET = ("first_marketing_at", "first_sales_at")
_DEAL = (
    "created_at", "closed_at", "is_won", "is_lost", "is_open", "amount", "currency", "owner", "partner", "cycle_days",
)  # fmt: skip
_CONTRACT = (
    Rule("contract", "r.company_id", ("mrr_reporting", "amount_reporting", "movement", "is_churned"), lone=True),
    Rule("company", "r.company_id", _PLACE),
)
RULES: dict[str, tuple[Rule, ...]] = {
    "fct_leads": (
        Rule("person", "r.person_id", ("lead_at", "mql_at", "owner", "company_id"), lone=True),
        Rule("acquisition", "r.person_id", _ORIGIN),
        Rule("company", "r.company_id", _PLACE),
        Rule("person", "r.person_id", _PLACE),
    ),
    "fct_spend": (_money("amount_reporting", "r.currency", "date_day"),),
    "fct_deals": (
        Rule("deal", "r.deal_id", _DEAL, lone=True),
        Rule("person_merge", "r.person_id", ("person_id",)),
        Rule("company_merge", "r.company_id", ("company_id",)),
        Rule("acquisition", "r.person_id", _ORIGIN),
        Rule("company", "r.company_id", _PLACE),
        Rule("company_deals", "r.company_id", ("is_first_won",)),
        _money("amount_reporting", "r.currency", "closed_date"),
        _money("created_amount_reporting", "r.currency", "created_date"),
    ),
    "fct_pipeline_daily": (
        Rule("deal", "r.deal_id", ("owner",), lone=True),
        Rule("deal_acquisition", "r.deal_id", _ORIGIN),
        Rule("deal_company", "r.deal_id", _PLACE),
        _money(
            "amount_reporting", "(select currency from new.fct_deals where deal_id = r.deal_id)", "date_day"
        ),
    ),
    "fct_activities": (
        Rule("activity", "r.activity_id", ("owner", "kind", "outcome", "booked_at", "person_id", "company_id"), True),
        Rule("company", "r.company_id", _PLACE),
        Rule("person", "r.person_id", _PLACE),
    ),
    "fct_demo_outlook": (
        Rule("activity", "'meeting:' || r.meeting_id", ("owner",), lone=True),
        Rule("activity_company", "'meeting:' || r.meeting_id", _PLACE),
    ),
    "fct_mrr_movements": _CONTRACT,
    "fct_mrr_daily": _CONTRACT,
    "fct_customer_periods": _CONTRACT,
    "attribution_credits": (Rule("conversion", "r.conversion_id", lone=True),),
    "pipeline_sourcing": (
        Rule("deal", "r.deal_id", ("created_date", "owner", "is_influenced"), lone=True),
        Rule("conversion", "'opportunity:' || r.deal_id", ("first_touch_channel",)),
        Rule("deal_met", "r.deal_id", _MET),
        Rule("person", "r.person_id", ("lead_source",)),
        Rule("person_merge", "r.person_id", ("person_id", *_MET)),
        Rule("company_merge", "r.company_id", ("company_id", *_MET)),
        Rule("acquisition", "r.person_id", _ORIGIN),
        Rule("company", "r.company_id", _PLACE),
        _money(
            "created_amount_reporting", "(select currency from new.fct_deals where deal_id = r.deal_id)", "created_date"
        ),
    ),
}  # fmt: skip
# Where these found nothing: the entity itself, then what is left.
FALLBACKS: dict[str, tuple[Rule, ...]] = {
    "fct_sessions": (Rule("=late_data", heard("session_date", of_kind("analytics"), after=1, before=1)),),
    "fct_email_sends": (Rule("=late_data", heard("send_date", of_kind("email"), after=REACTION_DAYS, before=1)),),
    "fct_leads": (Rule("person", "r.person_id"), Rule("company", "r.company_id"), _OWNERS),
    "fct_spend": (Rule("=cost_file", heard("date_day", of_files("fct_spend"))),),
    "fct_deals": (Rule("deal", "r.deal_id"), Rule("person", "r.person_id"), Rule("company", "r.company_id"), _OWNERS),
    "fct_pipeline_daily": (Rule("deal", "r.deal_id"), Rule("deal_acquisition", "r.deal_id"), _OWNERS),
    "fct_activities": (Rule("activity", "r.activity_id"), Rule("person", "r.person_id"), _OWNERS),
    "fct_demo_outlook": (Rule("activity", "'meeting:' || r.meeting_id"), _OWNERS),
    "fct_mrr_movements": (Rule("contract", "r.company_id"),),
    "fct_mrr_daily": (Rule("contract", "r.company_id"),),
    "fct_customer_periods": (Rule("contract", "r.company_id"),),
    "attribution_credits": (Rule("conversion", "r.conversion_id"),),
    "pipeline_sourcing": (
        Rule("deal", "r.deal_id"),
        Rule("person", "r.person_id"),
        Rule("company", "r.company_id"),
        _OWNERS,
    ),
}
# Facts of which a row is a record, or a day of one, and what of it is cause enough for a row that one side lacks.
OF_RECORDS = frozenset(fact for fact, rules in RULES.items() if any(rule.lone for rule in rules)) - {
    "attribution_credits"
}
_CAME_OR_WENT = """(cause = 'erasure' or old_row is null and cause in ('late_data', 'restore')
    or new_row is null and cause = 'delete')"""


def explain(connection: duckdb.DuckDBPyConnection, fact: str, columns: Collection[str], otherwise: str | None) -> None:
    """Create `row_causes_<fact>`. `otherwise`, where the project's rules were changed, is the cause of rows nothing in
    the lake explains, and may be one of the others too: of all but those whose record came or went.
    """
    found = f"row_causes_{fact}"
    connection.execute(f"create or replace table {found} (row_id bigint, cause varchar)")
    for rule in RULES.get(fact, ()):
        lone = " or old_row is null or new_row is null" if rule.lone else ""
        _apply(connection, found, fact, rule, f"{_differs(rule, columns)}{lone}")
    for rule in FALLBACKS.get(fact, ()):
        where = f"{_differs(rule, columns)} and " if rule.columns else ""
        _apply(connection, found, fact, rule, f"{where}row_id not in (select row_id from {found})")  # noqa: S608
    _erased(connection, found, fact)
    if otherwise:
        enough = _CAME_OR_WENT if fact in OF_RECORDS else "cause = 'erasure'"
        connection.execute(
            f"insert into {found} select row_id, $1 from diff_{fact} where row_id not in ("  # noqa: S608
            f"select row_id from {found} inner join diff_{fact} using (row_id) where {enough} or cause = $1)",
            [otherwise],
        )


def _differs(rule: Rule, columns: Collection[str]) -> str:
    """SQL: both sides have the row, and one of the rule's columns differs."""
    names = [name for name in rule.columns if name in columns]
    differs = " or ".join(f"old_row.{name} is distinct from new_row.{name}" for name in names) or "false"
    return f"(old_row is not null and new_row is not null and ({differs}))"


def _erased(connection: duckdb.DuckDBPyConnection, found: str, fact: str) -> None:
    """Rows of an erased person that a later pull of the same days or records brought no more: no other cause counts."""
    lost = (
        f"select row_id from diff_{fact} where contains(old_row::varchar, '{SURROGATE}')"  # noqa: S608
        f" and not coalesce(contains(new_row::varchar, '{SURROGATE}'), false)"
    )
    connection.execute(f"delete from {found} where row_id in ({lost})")  # noqa: S608
    connection.execute(f"insert into {found} select row_id, 'erasure' from ({lost})")  # noqa: S608


def _apply(connection: duckdb.DuckDBPyConnection, found: str, fact: str, rule: Rule, condition: str) -> None:
    if rule.kind.startswith("="):
        connection.execute(
            f"insert into {found} select row_id, ? from (select row_id, coalesce(new_row, old_row) as r"  # noqa: S608
            f" from diff_{fact} where {condition}) where {rule.id}",
            [rule.kind[1:]],
        )
        return
    connection.execute(
        f"""
        insert into {found}
        with rows as (
            select row_id, unnest([old_row, new_row]) as r from diff_{fact} where {condition}
        ),
        ids as (select distinct row_id, {rule.id} as id from rows where r is not null)
        select distinct ids.row_id, happened.cause
        from ids inner join happened on happened.kind = ? and happened.id = ids.id
        """,  # noqa: S608
        [rule.kind],
    )
