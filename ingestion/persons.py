"""Which contacts the models hold for one person, and since when they know it.

Flow: newest row of every contact → (loser, survivor) links → person of a contact. The rules are those of the models
(dbt_project, macros/merges.sql and int_persons__contacts), which tests compare with these: what a CRM merged itself,
told by the survivor or by the loser; where it tells neither, a person that is gone whose address one that stands has
besides its own; one address in several CRMs, of which those that are history come last. Contacts of CRMs that are off
are nobody to the models. Belongs here: who
is one person now. Does not: who was at any time (`identity.py`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ingestion.people import Contact

# As many merges in a row as the models follow.
DEPTH = 10


class Persons:
    """Contacts of the sources that are on, in the order in which settings name these; left: CRMs that are history."""

    def __init__(self, newest: Mapping[str, Contact], sources: Sequence[str], left: Collection[str]) -> None:
        self._left = left
        self._contacts = {id_: row for id_, row in newest.items() if row.source in sources}
        self._order = {name: place for place, name in enumerate(sources)}
        own: dict[str, set[str]] = defaultdict(set)
        for loser, survivor in self._merged():
            own[loser].add(survivor)
        self._links = {loser: set(survivors) for loser, survivors in own.items()}
        for loser, survivor in self._between_crms(own):
            self._links.setdefault(loser, set()).add(survivor)
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
        for id_, row in self._contacts.items():
            for address in {row.address, *row.addresses} - {None}:
                by_address[str(address)] |= self._contacts.keys() & (own.get(id_) or {id_})
        for contacts in by_address.values():
            first = min(contacts, key=self._rank, default="")
            yield from ((each, first) for each in contacts if _source(each) != _source(first))

    def _rank(self, contact: str) -> tuple[Any, ...]:
        row = self._contacts[contact]
        return row.source in self._left, row.archived, self._order[row.source], _in_order(row.created_at), contact


def _source(contact: str) -> str:
    return contact.partition(":")[0]


def _in_order(moment: Any) -> tuple[bool, Any]:
    """A moment to compare with others; one that nobody knows comes last."""
    return moment is None, moment
