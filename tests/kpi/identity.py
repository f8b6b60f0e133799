"""How well identity works: what the warehouse takes for one against what is one in the imaginary company.

    python -m tests.kpi.identity [--scale 0.2] [--moved]

Flow: a company's warehouse and whose everything is (`whose.truth`) → `found` → precision and recall by identifier and
evidence (`measured`), of whole persons and companies (`wholes`), and what links held back by a guard would have said
(`held_back`).
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import duckdb
import pandas as pd
from rich.console import Console
from rich.table import Table

from sandbox.world import World
from tests.kpi.built import SEED, START, build
from tests.kpi.whose import Mailboxes, moved, truth

# Kind of identifier, what its records are of, and the table that tells the truth about them.
KINDS = (("contact", "person", "contacts"), ("company", "company", "companies"))
_RECORDS = """
    with joined as (
        select identifier as record, any_value({one}_id) as survivor,
            string_agg(distinct evidence, ' + ' order by evidence) as evidence
        from edges where identifier_type = '{kind}' and evidence <> 'record' and is_used group by identifier
    ),
    -- The first of one's records that is joined to none needs no link.
    numbered as (
        select records.record, records.entity, joined.survivor, joined.evidence,
            row_number() over (partition by records.entity, survivor is null order by records.record) as number
        from {records} as records left join joined using (record)
        where records.entity is not null or joined.survivor is not null
    )
    select coalesce(evidence, 'none') as evidence, numbered.record as identifier,
        coalesce(given.entity, survivor) as found, numbered.entity as truth
    from numbered left join {records} as given on survivor = given.record
    where survivor is not null or number > 1
"""
# One row per session, address, and record that is joined or should be: who the warehouse says it is, and who it is.
_FOUND = {
    "session": """
        with told as (
            select identifier as client_id, string_agg(distinct evidence, ' + ' order by evidence) as evidence
            from edges where identifier_type = 'browser' and is_used group by identifier
        )
        select coalesce(told.evidence, 'none') as evidence, seen.session_key as identifier, held.client_id,
            coalesce(given.entity, held.person_id) as found, people.entity as truth
        from seen
        inner join warehouse.intermediate.int_sessions__unified as held using (session_key)
        left join told on held.client_id = told.client_id
        left join contacts as given on held.person_id = given.record
        left join (select distinct entity from contacts) as people on seen.human = people.entity
    """,
    "address": """
        -- An address that two people have is nobody's.
        select 'record' as evidence, address as identifier, any_value(coalesce(given.entity, edges.person_id)) as found,
            case when count(distinct truth) = 1 then any_value(truth) end as truth
        from addresses
        left join edges on address = edges.identifier and identifier_type = 'address' and is_used
        left join contacts as given on edges.person_id = given.record
        group by address
    """,
    **{kind: _RECORDS.format(kind=kind, one=one, records=records) for kind, one, records in KINDS},
}
_WHOLES = """
    with held as (
        select distinct identifier as record, {one}_id as told from edges where identifier_type = '{kind}' and is_used
    ),
    told as (
        select told, count(*) as records, count(distinct entity) as entities, any_value(entity) as entity
        from held left join {records} using (record) group by told
    ),
    known as (select entity, count(*) as records from {records} where entity is not null group by entity)
    select '{one}' as what, (select count(*) from told) as told,
        count(*) filter (where told.entities = 1 and told.records = known.records) as right,
        (select count(*) from known) as known
    from told left join known using (entity)
"""
_HELD_BACK = """
    with whose as (
        from contacts union all from companies
        union all
        select address, case when count(distinct truth) = 1 then any_value(truth) end from addresses group by address
        union all
        select client_id, case when count(distinct human) = 1 then any_value(human) end from seen group by client_id
    )
    select unused_because as guard, identifier_type, count(*) as links,
        count(*) filter (where given.entity = whose.entity) as right
    from edges
    left join whose on identifier = whose.record
    left join whose as given on coalesce(edges.person_id, edges.company_id) = given.record
    where not is_used and unused_because <> 'known_later' group by all order by all
"""
# What a limit counts, as much of it as one identifier or person of this company has.
_MOST = """
    with counted as (
        select 'identity_most_records_per_value' as setting, count(distinct told_by) as most
        from edges where identifier_type = 'address' group by identifier
        union all
        select 'identity_most_records_per_survivor', count(distinct identifier)
        from edges where identifier_type in ('contact', 'company') and is_used group by coalesce(person_id, company_id)
        union all
        select 'identity_most_persons_per_' || identifier_type, count(distinct person_id)
        from edges where identifier_type in ('browser', 'address') group by identifier_type, identifier
        union all
        select 'identity_most_browsers_per_login', count(distinct identifier)
        from edges where evidence = 'login' group by told_by
    )
    select setting, max(most) as most from counted group by setting order by setting
"""


def found(connection: duckdb.DuckDBPyConnection, what: str) -> pd.DataFrame:
    """One row per session, address, and contact or company record that is joined or should be: `evidence`,
    `identifier`, `found` and `truth` (null: nobody, or nobody who counts).
    """
    return connection.execute(f"from ({_FOUND[what]}) order by identifier").df()


def wholes(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Persons and companies: how many are told, right (all records of one, and no other's), and known."""
    asked = " union all ".join(
        f"from ({_WHOLES.format(kind=kind, one=one, records=records)})" for kind, one, records in KINDS
    )
    return connection.execute(f"from ({asked}) order by what desc").df()


def held_back(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Links that a guard leaves unused, and how many of them were right: what the guard costs."""
    return connection.execute(_HELD_BACK).df()


def measured(found: pd.DataFrame) -> pd.DataFrame:
    """By evidence: how many are given to somebody, and rightly, and how many are of somebody who is known.

    Recall is of all that are of somebody known, whatever would have linked them: evidence adds up to `all`.
    """
    right = found["found"] == found["truth"]
    known = int(found["truth"].notna().sum())
    rows = []
    for evidence in [*sorted(set(found["evidence"]) - {"none"}), "all"]:
        chosen = found["found"].notna() & ((found["evidence"] == evidence) | (evidence == "all"))
        given, good = int(chosen.sum()), int((chosen & right).sum())
        rows.append((evidence, given, good, known, good / given if given else None, good / known if known else None))
    return pd.DataFrame(rows, columns=["evidence", "given", "right", "known", "precision", "recall"])


def _shown(connection: duckdb.DuckDBPyConnection) -> Iterator[Table]:
    figures = pd.concat([measured(found(connection, what)).assign(what=what) for what in _FOUND])
    whole = wholes(connection).rename(columns={"told": "given"}).assign(evidence="whole")
    whole = whole.assign(precision=whole["right"] / whole["given"], recall=whole["right"] / whole["known"])
    links = Table(
        "what", "evidence", *(f"[right]{name}" for name in ("given", "right", "known", "precision", "recall"))
    )
    figures["what"] = figures["what"].replace({"contact": "contact's record", "company": "company's record"})
    for row in pd.concat([figures, whole]).itertuples():
        shares = ("–" if pd.isna(share) else f"{share:.4f}" for share in (row.precision, row.recall))
        links.add_row(row.what, row.evidence, f"{row.given:,}", f"{row.right:,}", f"{row.known:,}", *shares)
    yield links
    guards = Table("left apart as", "identifier", "[right]links", "[right]of them right")
    for row in held_back(connection).itertuples():
        guards.add_row(row.guard, row.identifier_type, f"{row.links:,}", f"{row.right:,}")
    yield guards
    limits = Table("limit", "[right]most here")
    for setting, most in connection.execute(_MOST).fetchall():
        limits.add_row(setting, f"{most:,}")
    yield limits


@click.command()
@click.option("--scale", default=0.2, show_default=True, help="Size of the imaginary company; 1.0 is 20,000 contacts.")
@click.option("--moved", "has_moved", is_flag=True, help="The company that moved to another CRM and has both.")
def main(scale: float, has_moved: bool) -> None:
    """Precision and recall of identity."""
    world = (Mailboxes if has_moved else World)(seed=SEED, start=START, scale=scale)
    with tempfile.TemporaryDirectory(prefix="kpilote-identity-") as folder:
        home = Path(folder)
        built, crms = moved(home, world) if has_moved else (build(home, world=world), None)
        with truth(built, crms) as connection:
            Console().print(*_shown(connection))


if __name__ == "__main__":
    main()
