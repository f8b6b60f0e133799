"""Which contacts the models hold for one person, and since when they know it.

Flow: newest row of every contact → (loser, survivor) links → person of a contact. The rules are those of the models
(dbt_project, macros/merges.sql and int_persons__contacts), which tests compare with these: what a CRM merged itself,
told by the survivor or by the loser; where it tells neither, a person that is gone whose address one that stands has
besides its own; one address in several CRMs, of which those that are history come last, unless it is a test's, a
function's or of too many (docs/identity.md). Contacts of CRMs that are off are nobody to the models. Belongs here: who
is one person now. Does not: who was at any time (`identity.py`).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.people import Contact

# As many merges in a row as the models follow.
DEPTH = 10


@dataclass(frozen=True)
class Rules:
    """Variables of the dbt project: CRMs that are history (`crm_until`), and what joins nobody (`identity_most_…`).

    Without them no CRM is history, and anything joins.
    """

    crm_until: Collection[str] = ()
    most_records_per_value: float = math.inf
    most_records_per_survivor: float = math.inf
    most_persons_per_browser: float = math.inf
    most_browsers_per_login: float = math.inf


class Persons:
    """Contacts of the sources that are on, in the order in which settings name these."""

    def __init__(self, newest: Mapping[str, Contact], sources: Sequence[str], rules: Rules) -> None:
        self._rules = rules
        self._contacts = {id_: row for id_, row in newest.items() if row.source in sources}
        self._order = {name: place for place, name in enumerate(sources)}
        own: dict[str, set[str]] = defaultdict(set)
        for loser, survivor in self._merged():
            own[loser].add(survivor)
        between = list(self._between_crms(own))
        self._links = _joined(own, between)
        records = Counter(self._survivor(loser) for loser in self._links)
        sound = [link for link in between if records[self._survivor(link[0])] < rules.most_records_per_survivor]
        self._links = _joined(own, sound)
        self._created: dict[str, list[Any]] = defaultdict(list)
        for id_, row in self._contacts.items():
            self._created[self._survivor(id_)].append(_in_order(row.created_at))

    def known_since(self, contact: str) -> tuple[Any, str] | None:
        """When the person of a contact was first known, and its id; None where the models leave it out."""
        survivor = self._survivor(contact)
        row = self._contacts.get(survivor)
        return None if row is None or row.archived or row.is_test else (min(self._created[survivor]), survivor)

    def _survivor(self, contact: str) -> str:
        survivor, reached = contact, {contact}
        for _ in range(DEPTH):
            reached = {each for one in reached for each in self._links.get(one, ())}
            survivor = min(reached - {contact}, default=survivor)
        return survivor

    def _merged(self) -> Iterator[tuple[str, str]]:
        """What a CRM merged itself."""
        standing: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for id_, row in self._contacts.items():
            yield from ((loser, id_) for loser in row.losers if loser != id_)
            yield from ((id_, survivor) for survivor in row.became[-1:])  # a conversion comes after a merge
            for place, address in enumerate(() if row.archived else row.addresses):
                standing[f"{row.source}:{address}"].append((place, id_))
        for id_, row in self._contacts.items():
            if row.archived and (claims := standing.get(f"{row.source}:{row.address}")):
                yield id_, min(claims)[1]

    def _between_crms(self, own: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
        """One address in several CRMs. What a record was merged into knows what the record knew."""
        by_address: dict[str, set[str]] = defaultdict(set)
        doubtful = {row.address for row in self._contacts.values() if row.is_role_address and not row.is_test}
        for id_, row in self._contacts.items():
            known = {
                each for each in own.get(id_) or {id_} if each in self._contacts and not self._contacts[each].is_test
            }
            for address in {row.address, *row.addresses} - {None} - doubtful if known and not row.is_test else ():
                by_address[str(address)] |= known
        for contacts in by_address.values():
            if len(contacts) <= self._rules.most_records_per_value:
                first = min(contacts, key=self._rank)
                yield from ((each, first) for each in contacts if _source(each) != _source(first))

    def _rank(self, contact: str) -> tuple[Any, ...]:
        row = self._contacts[contact]
        return (
            row.source in self._rules.crm_until,
            row.archived,
            self._order[row.source],
            _in_order(row.created_at),
            contact,
        )


def _joined(own: Mapping[str, set[str]], more: Sequence[tuple[str, str]]) -> dict[str, set[str]]:
    """Survivors by loser, of both."""
    links = {loser: set(survivors) for loser, survivors in own.items()}
    for loser, survivor in more:
        links.setdefault(loser, set()).add(survivor)
    return links


def _source(contact: str) -> str:
    return contact.partition(":")[0]


def _in_order(moment: Any) -> tuple[bool, Any]:
    """A moment to compare with others; one that nobody knows comes last."""
    return moment is None, moment
