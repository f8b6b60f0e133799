"""The people who must not come back: keyed hashes of what identifies them, and the door that turns their rows away.

Flow: an erasure → `{lake}/_suppressed/<erasure>.json` (one object each, written once) → every later pull of every
source. What is kept of an identifier is an HMAC under KPILOTE_HASH_KEY in a domain of its own: it equals no value of
the lake, and without the key nobody can ask whether somebody is on the list. Belongs here: the list and what the door
does by it. Does not: how a person is found and erased (`identity.py`, `erasure.py`).
"""

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from ingestion import identifiers
from ingestion.errors import SettingsError
from ingestion.filesystems import located, make_folder, register
from ingestion.registry import Table
from ingestion.settings import Settings
from ingestion.tables.model import Identifier, IdentifierKind

register()
FOLDER = "_suppressed"
_DOMAIN = "kpilote/suppressed"


@dataclass(frozen=True)
class Suppression:
    """The hashes of everybody erased so far. The key never shows in a repr."""

    key: str = field(default="", repr=False)
    hashes: frozenset[str] = frozenset()

    def knows(self, kind: IdentifierKind, value: str) -> bool:
        return bool(self.hashes) and fingerprint(self.key, kind, value) in self.hashes

    def sift(self, table: Table, rows: pa.Table) -> tuple[pa.Table, int]:
        """The rows that may come in, and how many may not.

        A suppressed person's own rows stay out. Other rows come in without the identifiers that point at the person,
        and those that people name the person in (a deal, a meeting) without their texts.
        """
        if not self.hashes or not table.identifiers or not rows.num_rows:
            return rows, 0
        mine = identifiers.holding(rows, table, _of(table, "subject"), self.knows)
        kept = rows.filter(pc.invert(mine))
        for each in _of(table, "link"):
            kept = identifiers.replaced(kept, each, partial(self._cut, table, each))
        named = _of(table, "text")
        if named:
            kept = identifiers.without_texts(kept, table, identifiers.holding(kept, table, named, self.knows))
        return kept, rows.num_rows - kept.num_rows

    def _cut(self, table: Table, each: Identifier, value: str) -> str | None:
        return None if self.knows(each.kind, identifiers.known_as(table.source, each.kind, value)) else value


def _of(table: Table, role: str) -> tuple[Identifier, ...]:
    return tuple(each for each in table.identifiers if each.role == role)


def fingerprint(key: str, kind: str, value: str) -> str:
    """What the list keeps of an identifier; equal digits of different kinds do not meet."""
    return hmac.digest(key.encode(), f"{_DOMAIN}\0{kind}\0{value}".encode(), "sha256").hex()


def read(settings: Settings) -> Suppression:
    """Everybody on the list; an error where an object of it was made under another key, since nobody could be found."""
    key = settings.require_hash_key()
    filesystem, root = located(_folder(settings))
    mine = fingerprint(key, "key", "")
    hashes: set[str] = set()
    for path in sorted(filesystem.glob(f"{root}/*.json")):
        entry = json.loads(filesystem.cat_file(path))
        if entry["key"] != mine:
            raise SettingsError(
                f"KPILOTE_HASH_KEY differs from the key the list of erased people was made under ({path}): set that one"
                " again; docs/runbook.md says what changing the key takes"
            )
        hashes.update(entry["hashes"])
    return Suppression(key, frozenset(hashes))


def write(settings: Settings, erasure: str, erased_at: str, found: Iterable[tuple[str, str]]) -> None:
    """Put (kind, identifier) pairs on the list, as one object of its own. Written twice it says the same."""
    key = settings.require_hash_key()
    filesystem, root = located(_folder(settings))
    make_folder(filesystem, root)
    entry = {
        "erasure": erasure,
        "erased_at": erased_at,
        "key": fingerprint(key, "key", ""),
        # Sorted: the order must not say which hash is the address.
        "hashes": sorted(fingerprint(key, kind, value) for kind, value in found),
    }
    filesystem.pipe_file(f"{root}/{erasure}.json", json.dumps(entry).encode())


def _folder(settings: Settings) -> str:
    return f"{settings.lake_url}/{FOLDER}"
