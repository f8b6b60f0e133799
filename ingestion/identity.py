"""Who somebody is in the lake: from an address or a vendor's id to every identifier of that person.

Flow: address or id → contacts, hashes, browsers, orders, and the deals and meetings whose texts may name the person.
Rules: an address or a login is one person, and so are contacts that the CRM merged, at whatever time the lake says so.
A browser belongs to whom the models give it (dbt_project, int_persons__clients): of all who used it the person known
first. Every load counts here, committed and superseded ones too: their files hold traces as well.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from ingestion import lake
from ingestion.errors import KpiloteError
from ingestion.privacy import Hasher
from ingestion.registry import table, tables
from ingestion.settings import Settings
from ingestion.tables.model import Identifier, Table

Node = tuple[str, str]  # kind, value
CONTACTS, MEMBERS = table("hubspot.contacts"), table("mailchimp.members")
EVENTS, LINKS = table("ga4.events"), table("hubspot.associations")
FORMS = "hubspot:<contact id>, mailchimp:<subscriber hash> or ga4:<client id or login>"
TELLTALE = ("deal", "meeting")


class IdentityError(KpiloteError):
    """Nobody can be looked for by what was given; the message says what can."""


@dataclass(frozen=True)
class Identity:
    """Everything that leads to one person, and how many rows of each lake table do."""

    nodes: frozenset[Node]
    rows: dict[str, int]

    def of(self, kind: str) -> frozenset[str]:
        return frozenset(value for each, value in self.nodes if each == kind)


def from_address(address: str, hasher: Hasher) -> set[Node]:
    """Where to begin with an address: its own hash, and that of the id which Mailchimp makes of it."""
    plain = address.strip().lower()
    if "@" not in plain:
        raise IdentityError("that is no address: give one with an @")
    subscriber = hashlib.md5(plain.encode(), usedforsecurity=False).hexdigest()
    return {("hash", hasher.email(plain)), ("hash", hasher.identifier(subscriber))}


def from_id(text: str, hasher: Hasher) -> set[Node]:
    """Where to begin with a vendor's id, written `source:id`."""
    source, colon, value = text.partition(":")
    if colon and value and source == "hubspot":
        return {("contact", value)}
    if colon and value and source == "mailchimp":
        return {("hash", hasher.identifier(value.lower()))}
    if colon and value and source == "ga4":
        return {("client", value), ("hash", hasher.identifier(value))}
    raise IdentityError(f"an id is written {FORMS}")


def resolve(settings: Settings, start: set[Node]) -> Identity:
    """Everything of the person that the start leads to. Nothing found: an identity without rows."""
    lake.prepare(settings)
    with _Lake(settings) as seen:
        people = _People(seen)
        begun = start | {("contact", one) for kind, value in start if kind == "client" for one in seen.users(value)}
        person = people.reach(begun)
        hashes = {value for kind, value in person if kind == "hash"}
        captured = people.clients({value for kind, value in person if kind == "contact"})
        candidates = captured | set(seen.browsers(hashes)) | {value for kind, value in start if kind == "client"}
        person |= {("client", each) for each in candidates if people.owns(person, each, seen.users(each))}
        clients = {value for kind, value in person if kind == "client"}
        person |= {("order", each) for each in seen.orders(clients, hashes)}
        person |= set(seen.named({value for kind, value in person if kind == "contact"}))
        return Identity(frozenset(person), seen.rows(person))


class _People:
    """The contacts of the lake as a graph of who is who; of each contact also what the newest load says."""

    def __init__(self, seen: "_Lake") -> None:
        self._next: dict[Node, set[Node]] = defaultdict(set)
        self._merged: dict[str, set[str]] = defaultdict(set)
        self._newest: dict[str, dict[str, Any]] = {}
        self._clients: dict[str, set[str]] = defaultdict(set)
        for row in seen.contacts():
            contact = ("contact", row["contact_id"])
            self._join(contact, ("hash", row["email_hash"]), ("hash", row["user_key_hash"]))
            for loser in row["merged_ids"] or ():
                self._join(contact, ("contact", loser))
                self._merged[row["contact_id"]].add(loser)
                self._merged[loser].add(row["contact_id"])
            self._newest[row["contact_id"]] = row  # rows come oldest first
            if row["ga_client_id"]:
                self._clients[row["contact_id"]].add(row["ga_client_id"])
        for member, email in seen.members():
            self._join(("hash", member), ("hash", email))

    def _join(self, one: Node, *others: tuple[str, str | None]) -> None:
        for kind, value in others:
            if value is not None:
                self._next[one].add((kind, value))
                self._next[kind, value].add(one)

    def reach(self, start: Iterable[Node]) -> set[Node]:
        reached: set[Node] = set()
        waiting = list(start)
        while waiting:
            node = waiting.pop()
            if node not in reached:
                reached.add(node)
                waiting.extend(self._next.get(node, ()))
        return reached

    def clients(self, contacts: set[str]) -> set[str]:
        """Browsers that forms of these contacts captured, at whatever time."""
        return {client for contact in contacts for client in self._clients[contact]}

    def owns(self, person: set[Node], client: str, logged_in: set[str]) -> bool:
        """Whether the models give a browser to this person, or would if it counted and nobody else does."""
        users = {contact for contact, row in self._newest.items() if row["ga_client_id"] == client} | logged_in
        known = [(*since, contact) for contact in users if (since := self._known_since(contact)) is not None]
        return not known or ("contact", min(known)[2]) in person

    def _known_since(self, contact: str) -> tuple[Any, str] | None:
        """When the person of a contact was first known, and its id; None where the models leave it out."""
        group, waiting = set(), [contact]
        while waiting:
            one = waiting.pop()
            if one not in group:
                group.add(one)
                waiting.extend(self._merged[one])
        losers = {
            loser for one in group for loser in (self._newest.get(one) or {}).get("merged_ids") or () if loser != one
        }
        survivor = self._newest.get(min(group - losers, default=contact))
        if survivor is None or survivor["archived"] or survivor["is_test"]:
            return None
        created = [self._newest[one]["created_at"] for one in group if one in self._newest]
        return min(filter(None, created), default=survivor["created_at"]), survivor["contact_id"]


class _Lake:
    """Questions to the lake's files, whichever load wrote them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> "_Lake":
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "memory_limit": "1GB"})
        self._connection.execute("set timezone = 'UTC'")
        lake.let_read(self._connection, self._settings)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def contacts(self) -> Iterator[dict[str, Any]]:
        names = [each.column for each in CONTACTS.identifiers] + ["archived", "is_test", "created_at"]
        query = f"select {', '.join(names)} from {self._files(CONTACTS)} order by _dlt_load_id::double, updated_at"  # noqa: S608
        for row in self._ask(query):
            if row[0] is not None:
                yield dict(zip(names, row, strict=True))

    def members(self) -> list[tuple[str, str]]:
        query = f"select distinct member_id, email_hash from {self._files(MEMBERS)}"  # noqa: S608
        return [(member, email) for member, email in self._ask(query) if member is not None]

    def browsers(self, hashes: set[str]) -> list[str]:
        """Browsers on which somebody logged in."""
        query = f"select distinct client_id from {self._files(EVENTS)} where list_contains($1, user_id_hash)"  # noqa: S608
        return [client for (client,) in self._ask(query, sorted(hashes)) if client is not None]

    def users(self, client: str) -> set[str]:
        """Contacts whose form captured a browser or who logged in on it."""
        events, contacts = self._files(EVENTS), self._files(CONTACTS)
        query = f"""
            select distinct contact_id from {contacts} where ga_client_id = $1 or user_key_hash in (
                select user_id_hash from {events} where client_id = $1 and user_id_hash is not null
            )
        """  # noqa: S608
        return {contact for (contact,) in self._ask(query, client) if contact is not None}

    def orders(self, clients: set[str], hashes: set[str]) -> list[str]:
        query = f"""
            select distinct transaction_id from {self._files(EVENTS)}
            where transaction_id is not null and (list_contains($1, client_id) or list_contains($2, user_id_hash))
        """  # noqa: S608
        return [order for (order,) in self._ask(query, sorted(clients), sorted(hashes))]

    def named(self, contacts: set[str]) -> list[Node]:
        """Records whose texts may name the person, since the CRM links them."""
        query = f"""
            select distinct from_type, from_id from {self._files(LINKS)}
            where to_type = 'contact' and list_has_any(to_ids, $1) and list_contains($2, from_type)
        """  # noqa: S608
        return [(kind, value) for kind, value in self._ask(query, sorted(contacts), list(TELLTALE))]

    def rows(self, person: set[Node]) -> dict[str, int]:
        """How many rows of each table the person's identifiers are in; deals and meetings are not the person's."""
        found = {}
        for each in tables():
            leads = [one for one in each.identifiers if one.role != "text"]
            if leads:
                values = [sorted(value for kind, value in person if kind == one.kind) for one in leads]
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


def _test(each: Table, one: Identifier, number: int) -> str:
    is_list = each.column(one.column).type == "strings"
    test = f"list_has_any({one.column}, ${number})" if is_list else f"list_contains(${number}, {one.column})"
    return f"({test} and {one.where[0]} = '{one.where[1]}')" if one.where else test
