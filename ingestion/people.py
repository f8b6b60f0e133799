"""Questions about people to the lake's files: rows of contacts, who logged in where, what names whom.

Every load counts, committed and superseded ones too: their files hold traces as well. Which columns lead to a person
the registry says (`Table.identifiers`), so a new source needs nothing here. Belongs here: reading. Does not: who is who
(`identity.py`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from ingestion import lake
from ingestion.identifiers import known_as
from ingestion.registry import table, tables
from ingestion.settings import Settings
from ingestion.tables.model import Identifier, IdentifierKind, Role, Table

Node = tuple[IdentifierKind, str]  # kind and value, as known outside the source's own tables
LINKS = table("hubspot.associations")
TELLTALE: tuple[IdentifierKind, ...] = ("deal", "meeting")


@dataclass(frozen=True)
class Contact:
    """What one row says of a contact; `became` and `losers` are merges told from either side. addresses: all it has,
    where its CRM tells of more than one.
    """

    id: str
    source: str
    hashes: tuple[str, ...]
    address: str | None
    addresses: tuple[str, ...]
    login: str | None
    clients: tuple[str, ...]
    became: tuple[str, ...]
    losers: tuple[str, ...]
    archived: bool
    is_test: bool
    is_role_address: bool
    created_at: Any


class People:
    """Questions to the lake's files, whichever load wrote them; of sources that are off by now, too."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        held = lake.held_sources(settings)
        lake.prepare(settings, held)
        self._tables = [each for each in tables(held) if each.identifiers]

    def __enter__(self) -> "People":
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "memory_limit": "1GB"})
        self._connection.execute("set timezone = 'UTC'")
        lake.let_read(self._connection, self._settings)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def contacts(self) -> Iterator[Contact]:
        for each in self._tables:
            if each.entity == "contact":
                yield from self._contacts(each)

    def _contacts(self, each: Table) -> Iterator[Contact]:
        """Rows of one table of contacts, oldest first. A merge is told by the survivor (a list) or by the loser."""
        names = list(
            dict.fromkeys(
                [one.column for one in each.identifiers] + ["archived", "is_test", "is_role_address", "created_at"]
            )
        )
        order = f"_dlt_load_id::double, {each.updated_column}"
        query = f"select {', '.join(names)} from {self._files(each)} where {each.key[0]} is not null order by {order}"  # noqa: S608
        links = _of(each, "contact", "link")
        lists = [one for one in links if _is_list(each, one)]
        for values in self._ask(query):
            row = dict(zip(names, values, strict=True))
            yield Contact(
                id=known_as(each.source, "contact", row[each.key[0]]),
                source=each.source,
                hashes=_values(each, row, _of(each, "hash")),
                address=row["email_hash"],
                addresses=_values(each, row, [one for one in _of(each, "hash") if _is_list(each, one)]),
                login=row["user_key_hash"],
                clients=_values(each, row, _of(each, "client")),
                became=_values(each, row, [one for one in links if one not in lists]),
                losers=_values(each, row, lists),
                archived=bool(row["archived"]),
                is_test=bool(row["is_test"]),
                is_role_address=bool(row["is_role_address"]),
                created_at=row["created_at"],
            )

    def subscribers(self) -> Iterator[list[Node]]:
        """Hashes and numbers that an email platform knows to be one recipient's."""
        for each in self._tables:
            leads = _of(each, "recipient") + _of(each, "hash")
            if each.kind == "record" and each.entity is None and len(leads) > 1:
                query = f"select distinct {', '.join(one.column for one in leads)} from {self._files(each)}"  # noqa: S608
                for row in self._ask(query):
                    values = zip((one.kind for one in leads), row, strict=True)
                    known = [(kind, known_as(each.source, kind, value)) for kind, value in values if value is not None]
                    if known:
                        yield known

    def _visits(self) -> Iterator[tuple[Table, str, str]]:
        """Tables that say who was logged in on which browser, with the two columns."""
        for each in self._tables:
            clients, hashes = _of(each, "client", "subject"), _of(each, "hash", "subject")
            if clients and hashes:
                yield each, clients[0].column, hashes[0].column

    def browsers(self, hashes: set[str]) -> set[str]:
        """Browsers on which somebody logged in."""
        found = set()
        for each, client, login in self._visits():
            query = f"select distinct {client} from {self._files(each)} where list_contains($1, {login})"  # noqa: S608
            found |= {browser for (browser,) in self._ask(query, sorted(hashes)) if browser is not None}
        return found

    def shared_logins(self, most: float) -> set[str]:
        """Login ids that were seen on more browsers than that."""
        seen: Counter[str] = Counter()
        for each, client, login in self._visits():
            files = self._files(each)
            query = f"select {login}, count(distinct {client}) from {files} where {login} is not null group by all"  # noqa: S608
            seen.update(dict(self._ask(query)))
        return {login for login, browsers in seen.items() if browsers > most}

    def logins(self, client: str) -> set[str]:
        """Who logged in on a browser."""
        found = set()
        for each, browser, login in self._visits():
            query = f"select distinct {login} from {self._files(each)} where {browser} = $1 and {login} is not null"  # noqa: S608
            found |= {user for (user,) in self._ask(query, client)}
        return found

    def orders(self, clients: set[str], hashes: set[str]) -> set[str]:
        found = set()
        for each in self._tables:
            for order in _of(each, "order"):
                asked = {"client": sorted(clients), "hash": sorted(hashes)}
                leads = [one for one in each.identifiers if one.kind in asked]
                tests = " or ".join(_test(each, one, number) for number, one in enumerate(leads, start=1))
                query = f"select distinct {order.column} from {self._files(each)} where {tests}"  # noqa: S608
                found |= {id_ for (id_,) in self._ask(query, *(asked[one.kind] for one in leads)) if id_ is not None}
        return found

    def named(self, contacts: set[str]) -> set[Node]:
        """Records whose texts may name the person: the CRM links them in their own rows, or in a table of links."""
        found: set[Node] = set()
        for each in self._tables:
            people = _of(each, "contact", "link")
            told = [(one.kind, one.column) for one in each.identifiers if one.kind in TELLTALE]
            ids = _raw(each.source, "contact", contacts)
            if people and told and ids:
                tests = " or ".join(_test(each, one, number) for number, one in enumerate(people, start=1))
                for kind, column in told:
                    query = f"select distinct {column} from {self._files(each)} where {tests}"  # noqa: S608
                    rows = self._ask(query, *(ids for _ in people))
                    found |= {(kind, known_as(each.source, kind, id_)) for (id_,) in rows if id_ is not None}
            if each is LINKS and ids:
                query = f"""
                    select distinct from_type, from_id from {self._files(each)}
                    where to_type = 'contact' and list_has_any(to_ids, $1) and list_contains($2, from_type)
                """  # noqa: S608
                rows = self._ask(query, ids, list(TELLTALE))
                found |= {(kind, known_as(each.source, kind, id_)) for kind, id_ in rows}
        return found

    def rows(self, person: set[Node]) -> dict[str, int]:
        """How many rows of each table the person's identifiers are in; deals and meetings are not the person's."""
        found = {}
        for each in self._tables:
            leads = [one for one in each.identifiers if one.role != "text" and one.kind not in TELLTALE]
            if leads:
                by_kind = [{value for kind, value in person if kind == one.kind} for one in leads]
                values = [_raw(each.source, one.kind, known) for one, known in zip(leads, by_kind, strict=True)]
                tests = " or ".join(_test(each, one, number) for number, one in enumerate(leads, start=1))
                (count,) = self._ask(f"select count(*) from {self._files(each)} where {tests}", *values)[0]  # noqa: S608
                if count:
                    found[each.full_name] = int(count)
        return found

    def _files(self, each: Table) -> str:
        glob = lake.table_glob(self._settings, each).replace("'", "''")
        return f"read_parquet('{glob}', union_by_name = true)"

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, list(values)).fetchall()


def _is_list(each: Table, one: Identifier) -> bool:
    return each.column(one.column).type == "strings"


def _of(each: Table, kind: IdentifierKind, role: Role | None = None) -> list[Identifier]:
    return [one for one in each.identifiers if one.kind == kind and role in (None, one.role)]


def _values(each: Table, row: dict[str, Any], columns: Iterable[Identifier]) -> tuple[str, ...]:
    """What these columns of a row hold, as it is known outside the table."""
    values = [(one.kind, row[one.column]) for one in columns]
    flat = [(kind, item) for kind, value in values for item in (value if isinstance(value, list) else [value])]
    return tuple(known_as(each.source, kind, item) for kind, item in flat if item is not None)


def _raw(source: str, kind: IdentifierKind, values: Iterable[str]) -> list[str]:
    """Values as a source's own tables hold them; those of other sources are left out."""
    before = known_as(source, kind, "")
    return sorted(value.removeprefix(before) for value in values if value.startswith(before))


def _test(each: Table, one: Identifier, number: int) -> str:
    is_list = _is_list(each, one)
    test = f"list_has_any({one.column}, ${number})" if is_list else f"list_contains(${number}, {one.column})"
    return f"({test} and {one.where[0]} = '{one.where[1]}')" if one.where else test
