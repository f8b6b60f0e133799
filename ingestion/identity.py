"""Who somebody is in the lake: from an address or a vendor's id to every identifier of that person.

Flow: address or id → contacts, hashes, browsers, orders, and the deals and meetings whose texts may name the person.
Rules: an address or a login is one person, and so are contacts that the CRM merged, at whatever time the lake says so.
A browser belongs to whom the models give it (dbt_project, int_persons__clients): of all who used it the person known
first, over all CRMs (`persons.py`). Every load counts here, committed and superseded ones too: their files hold traces
as well.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingestion.errors import KpiloteError
from ingestion.people import Contact, Node, People
from ingestion.persons import Persons, Rules
from ingestion.privacy import Hasher
from ingestion.registry import SOURCES
from ingestion.settings import Settings

# What an id of a source that is no CRM may be: a browser, a number of the platform's, or something kept as a hash.
FORMS = "<CRM>:<contact id>, <email platform>:<subscriber id> or <analytics>:<browser id or login>"

NO_RULES = Rules()


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
    kind = SOURCES[source].kind if source in SOURCES else "files"
    if not (colon and value) or kind == "files":
        raise IdentityError(f"an id is written {FORMS}; sources are {', '.join(_people())}")
    if kind == "crm":
        return {("contact", text)}
    if any(one.kind == "recipient" for each in SOURCES[source].tables.values() for one in each.identifiers):
        return {("recipient", text)}
    hashed: Node = ("hash", hasher.identifier(value.lower() if source == "mailchimp" else value))
    return {("client", value), hashed} if kind == "analytics" else {hashed}


def _people() -> list[str]:
    """Sources that know people by ids of their own."""
    return [name for name, source in SOURCES.items() if source.kind != "files"]


def resolve(settings: Settings, start: set[Node], rules: Rules = NO_RULES) -> Identity:
    """Everything of the person that the start leads to. Nothing found: an identity without rows."""
    with People(settings) as seen:
        people = _Graph(seen, settings.sources, rules)
        shared = seen.shared_logins(rules.most_browsers_per_login)

        def logins(client: str) -> set[str]:
            return seen.logins(client) - shared

        asked = {value for kind, value in start if kind == "client"}
        person = people.reach(start.union(*(people.users(each, logins(each)) for each in asked)))
        hashes = {value for kind, value in person if kind == "hash"}
        captured = people.clients({value for kind, value in person if kind == "contact"})
        for each in captured | seen.browsers(hashes - shared) | asked:
            if people.owns(person, each, logins(each)):
                person.add(("client", each))
        clients = {value for kind, value in person if kind == "client"}
        person |= {("order", each) for each in seen.orders(clients, hashes)}
        person |= seen.named({value for kind, value in person if kind == "contact"})
        return Identity(frozenset(person), seen.rows(person))


class _Graph:
    """The contacts of the lake as a graph of who is who, and what the newest load says of each."""

    def __init__(self, seen: People, sources: Sequence[str], rules: Rules) -> None:
        self._next: dict[Node, set[Node]] = defaultdict(set)
        self._newest: dict[str, Contact] = {}
        self._clients: dict[str, set[str]] = defaultdict(set)
        for row in seen.contacts():
            contact: Node = ("contact", row.id)
            self._join(contact, *(("hash", each) for each in row.hashes))
            for other in (*row.losers, *row.became):
                self._join(contact, ("contact", other))
            self._newest[row.id] = row  # rows come oldest first
            self._clients[row.id].update(row.clients)
        for first, *others in seen.subscribers():
            self._join(first, *others)
        self._persons = Persons(self._newest, sources, rules)
        self._most_users = rules.most_persons_per_browser

    def _join(self, one: Node, *others: Node) -> None:
        for other in others:
            self._next[one].add(other)
            self._next[other].add(one)

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
        users = {contact for contact, row in self._newest.items() if client in row.clients or row.login in logged_in}
        known = {since for contact in users if (since := self._persons.known_since(contact)) is not None}
        if len(known) > self._most_users:
            return False
        return not known or ("contact", min(known)[1]) in person

    def users(self, client: str, logged_in: set[str]) -> set[Node]:
        """Contacts whose form captured a browser, at whatever time, or who logged in on it."""
        return {
            ("contact", contact)
            for contact, row in self._newest.items()
            if client in self._clients[contact] or row.login in logged_in
        }
