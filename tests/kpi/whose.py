"""Whose each record, address and session of the imaginary company is, beside what the warehouse takes it for.

Flow: the company, or one that moved between CRMs (`moved`) → its warehouse + whose everything is → `truth`, a
connection to both. Measures are `identity`'s.

The truth is the people, not the records: a person somebody entered twice is one, also while nobody has merged them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from ingestion.privacy import Hasher
from ingestion.settings import DEFAULT_SOURCES
from sandbox.apis.merges import survivors
from sandbox.move import OWN_ID, Move
from sandbox.server import running
from sandbox.world import Snapshot, World
from sandbox.world.people import DUPLICATE
from sandbox.world.text import COMPANY_BASE, COMPANY_TWIN_BASE
from tests.kpi.built import HASH_KEY, START, UNTIL, Built, pull, settings_of, transform

MOVE = Move(date(2026, 4, 9), "hubspot", "pipedrive")


@dataclass(frozen=True)
class Mailboxes(World):
    """The company, in which some colleagues are known by the mailbox of their company's function: two of one company by
    the same one where both are.
    """

    def snapshot(self, until: date) -> Snapshot:
        known = super().snapshot(until)
        contacts, colleague = known.contacts, known.contacts["contact_id"].str[-1].isin(["1", "2"])
        chosen = contacts["contact_id"].str[-6].isin(["3", "7"]) & colleague & ~contacts["is_test"]
        # The email tool, which knows them by their own address, does not write to them.
        chosen &= ~contacts["contact_id"].isin(known.email_members["contact_id"])
        mailbox = "info@" + contacts["email"].str.partition("@")[2]
        own = dict(zip(contacts["email"][chosen], mailbox[chosen], strict=True))
        touches = known.touches.assign(email=known.touches["email"].replace(own))
        return replace(known, contacts=contacts.assign(email=mailbox.where(chosen, contacts["email"])), touches=touches)


def moved(home: Path, world: World) -> tuple[Built, Mapping[str, Snapshot]]:
    """The company after its move, and what each of its CRMs holds."""
    others = DEFAULT_SOURCES[1:]
    before, both = (settings_of(home, (*crms, *others)) for crms in ([MOVE.before], [MOVE.after, MOVE.before]))
    with running(world, MOVE.day, home=home, sources=",".join(before.sources), moved=MOVE) as served:
        pull(before, served, START, MOVE.day)
        served.advance(UNTIL)
        pull(both, served, START, UNTIL)
    transform(both, "--vars", f"{{crm_until: {{{MOVE.before}: '{MOVE.day}'}}}}")
    then, now = world.snapshot(MOVE.day), world.snapshot(UNTIL)
    return Built(home, both, now), MOVE.held(then, now)


def _human(contacts: pd.Series) -> pd.Series:
    """Who a contact is: a person's second record is theirs."""
    numbers = contacts.astype("int64")
    return (numbers - DUPLICATE * (numbers % 10 == DUPLICATE)).astype(str)


def _firm(companies: pd.Series) -> pd.Series:
    """Which company a record is of: one that was entered twice is one."""
    numbers = companies.astype("int64")
    return (numbers - (COMPANY_TWIN_BASE - COMPANY_BASE) * (numbers >= COMPANY_TWIN_BASE)).astype(str)


def _records(
    crms: Mapping[str, Snapshot], now: Snapshot, kind: str, key: str, one: Callable[[pd.Series], pd.Series]
) -> pd.DataFrame:
    """Every record a CRM holds or held, and whose it is (`entity`): of one who does not count, nobody's."""
    known = getattr(now, kind)
    merged = survivors(known, key)
    standing = known[known["merged_into"].isna() & known["archived_at"].isna()]
    if "is_test" in standing:
        standing = standing[~standing["is_test"]]
    pieces = []
    for place, (name, held) in enumerate(crms.items()):
        frame = getattr(held, kind)
        # In the CRM that a company moved to, records have other ids; what people merged is one by their word.
        own = (frame[key].astype("int64") - place * OWN_ID).astype(str)
        pieces.append(frame.assign(record=f"{name}:" + frame[key], entity=one(own.replace(merged))))
    told = pd.concat(pieces, ignore_index=True)
    return told.assign(entity=told["entity"].where(told["entity"].isin(one(standing[key]))))


@contextmanager
def truth(built: Built, crms: Mapping[str, Snapshot] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse beside whose each record, address and session is. `crms`: what each CRM holds where a company has
    two, the one it moved from first.
    """
    now = built.snapshot
    held = crms or {built.settings.sources[0]: now}
    contacts = _records(held, now, "contacts", "contact_id", _human)
    hashed = contacts["email"].map(Hasher(HASH_KEY).email)
    seen = now.observable_sessions
    tables = {
        "contacts": contacts[["record", "entity"]],
        "companies": _records(held, now, "companies", "company_id", _firm)[["record", "entity"]],
        "addresses": pd.DataFrame({"address": hashed, "truth": contacts["entity"]}),
        "seen": pd.DataFrame(
            {
                "session_key": seen["client_id"] + "." + seen["session_id"].astype(str),
                "client_id": seen["client_id"],
                "human": _human(seen["contact_id"].dropna()).reindex(seen.index),
            }
        ),
    }
    with duckdb.connect() as connection:
        connection.execute(f"attach '{built.settings.warehouse_path}' as warehouse (read_only)")
        connection.execute("create view edges as from warehouse.marts.identity_edges")
        for name, frame in tables.items():
            connection.register(f"{name}_frame", frame)
            connection.execute(f"create table {name} as from {name}_frame")
        yield connection
