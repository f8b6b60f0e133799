"""How well identity works: persons of the warehouse against the people of the imaginary company, per identifier.

    python -m tests.kpi.identity [--scale 0.2]

Flow: each session that analytics saw → the person the warehouse gives it to │ the one who sat there → precision and
recall. A browser counts for the evidence that linked it to its person; `all` is what journeys and KPIs rest on.
"""

import tempfile
from pathlib import Path

import click
import duckdb
import pandas as pd
from rich.console import Console
from rich.table import Table

from sandbox.world import Snapshot, World
from tests.kpi.built import SEED, START, build

# Who sat at the screen, by the record that stands; people nobody knows, tests and archived records are nobody.
_TRUTH = """
    with people as (
        select contact_id, coalesce(merged_into, contact_id) as person_id from contacts
    ),
    standing as (
        select contact_id from contacts where merged_into is null and archived_at is null and not is_test
    )
    select
        seen.client_id || '.' || seen.session_id as session_key,
        'hubspot:' || standing.contact_id as person_id
    from seen
    left join people on seen.contact_id = people.contact_id
    left join standing on people.person_id = standing.contact_id
"""
_SESSIONS = """
    with evidence as (
        select identifier as client_id, string_agg(distinct evidence, ' + ' order by evidence) as evidence
        from warehouse.marts.identity_edges
        where identifier_type = 'browser' and is_used
        group by identifier
    )
    select
        coalesce(evidence.evidence, 'none') as evidence,
        truth.session_key,
        held.client_id,
        held.person_id as found,
        truth.person_id as true_person
    from truth
    inner join warehouse.intermediate.int_sessions__unified as held on truth.session_key = held.session_key
    left join evidence on held.client_id = evidence.client_id
"""


def sessions(warehouse: Path, snapshot: Snapshot) -> pd.DataFrame:
    """One row per session that both know: evidence, session_key, client_id, found and true_person (null: nobody)."""
    contacts, seen = snapshot.contacts, snapshot.observable_sessions
    with duckdb.connect() as connection:
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
        connection.register("contacts", contacts[["contact_id", "merged_into", "archived_at", "is_test"]])
        connection.register("seen", seen[["client_id", "session_id", "contact_id"]])
        connection.execute(f"create table truth as {_TRUTH}")
        return connection.execute(f"{_SESSIONS} order by truth.session_key").df()


def measured(found: pd.DataFrame) -> pd.DataFrame:
    """Sessions by evidence: given to a person, rightly, those of people who are known; precision and recall.

    Recall is of all sessions of people who are known, whatever would have linked them: evidence adds up to `all`.
    """
    right = found["found"] == found["true_person"]
    known = int(found["true_person"].notna().sum())
    rows = []
    for evidence in [*sorted(set(found["evidence"]) - {"none"}), "all"]:
        chosen = found["found"].notna() & ((found["evidence"] == evidence) | (evidence == "all"))
        given, good = int(chosen.sum()), int((chosen & right).sum())
        rows.append((evidence, given, good, known, good / given if given else None, good / known if known else None))
    return pd.DataFrame(rows, columns=["evidence", "sessions", "right", "known", "precision", "recall"])


@click.command()
@click.option("--scale", default=0.2, show_default=True, help="Size of the imaginary company; 1.0 is 20,000 contacts.")
def main(scale: float) -> None:
    """Precision and recall of identity."""
    with tempfile.TemporaryDirectory(prefix="kpilote-identity-") as folder:
        built = build(Path(folder), world=World(seed=SEED, start=START, scale=scale))
        figures = measured(sessions(built.settings.warehouse_path, built.snapshot))
    table = Table("evidence", *(f"[right]{name}" for name in ("sessions given", "right", "precision", "recall")))
    for row in figures.itertuples():
        table.add_row(row.evidence, f"{row.sessions:,}", f"{row.right:,}", f"{row.precision:.4f}", f"{row.recall:.4f}")
    Console().print(table, f"{figures['known'].iloc[-1]:,} sessions of people who are known")


if __name__ == "__main__":
    main()
