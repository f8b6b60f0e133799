"""The vocabulary of the registry: Column, Table, Source, and the Arrow schema a table's rows are built by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

Kind = Literal["record", "window"]
# Which identifiers are one and the same: a contact's id is another thing than a deal's of the same digits. `hash` is
# every HMAC made at the door: an address, a login, a subscriber. Those of LOCAL are numbers of one vendor's making;
# `recipient` is an email platform's of somebody it mails.
IdentifierKind = Literal["hash", "contact", "recipient", "client", "order", "deal", "meeting"]
LOCAL: frozenset[IdentifierKind] = frozenset({"contact", "recipient", "deal", "meeting"})
# What an identifier says of its row. subject: the row is about that person. link: the row is somebody else's and
# points at the person. text: the row is nobody's, but people type names into its texts.
Role = Literal["subject", "link", "text"]
# What a source is for; the models take each kind of thing from every source of the kind that is on.
SourceKind = Literal["crm", "analytics", "email", "files"]
ColumnType = Literal["string", "integer", "double", "decimal", "boolean", "date", "timestamp", "strings"]

ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "decimal": pa.decimal128(18, 2),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "strings": pa.list_(pa.string()),
}


@dataclass(frozen=True)
class Column:
    """One column; `description` gives unit and meaning.

    nullable: false where a null is a fault of the vendor's data; the gate raw judges it, the door lets it in.
    as_text: the vendor sends this number or boolean as text, which is then parsed.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = True
    as_text: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        return ARROW_TYPES[self.type]


@dataclass(frozen=True)
class Identifier:
    """A column by which a row can be traced to one person; a list column holds many of them.

    where: another column and what it must say for this one to be of that kind.
    """

    column: str
    kind: IdentifierKind
    role: Role = "subject"
    where: tuple[str, str] | None = None


@dataclass(frozen=True)
class Table:
    """One lake table.

    kind: `record` (newest committed row per key wins) or `window` (each load replaces whole days of `day_column`).
    updated_column: what moves when a record changes (record tables with a cursor). identifiers: how a row is traced to
    a person. free_text: what is emptied when that person is erased. urls: the same for their query and fragment.
    entity: what a record speaks of in the unified model (contact, company, deal, meeting, call, email, owner); of an
    `activity` its column `kind` says which; `link` and `history` records name kind and id of it in their first two key
    columns. tells_of: an entity that a record of none adds something to, and the column with its id.
    """

    source: str
    name: str
    kind: Kind
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    description: str
    day_column: str | None = None
    updated_column: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    free_text: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    entity: str | None = None
    tells_of: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        referenced = {*self.key, *self.free_text, *self.urls, *(each.column for each in self.identifiers)}
        referenced |= {*filter(None, (self.day_column, self.updated_column)), *(self.tells_of or ())[1:]}
        referenced |= {"kind"} if self.entity == "activity" else set()
        if len(set(names)) != len(names) or not referenced <= set(names):
            raise ValueError(f"{self.source}.{self.name}: a column is declared twice or a key names none")
        if (self.kind == "window") != (self.day_column is not None):
            raise ValueError(f"{self.source}.{self.name}: a window table, and only it, has a day_column")

    @property
    def full_name(self) -> str:
        return f"{self.source}.{self.name}"

    @property
    def personal(self) -> tuple[str, ...]:
        """Columns that hold hashes of personal identifiers."""
        return tuple(each.column for each in self.identifiers if each.kind == "hash")

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def arrow_schema(self) -> pa.Schema:
        return pa.schema([pa.field(column.name, column.arrow_type) for column in self.columns])


@dataclass(frozen=True)
class Source:
    """One source; `name` is the one word that names it in every room."""

    name: str
    label: str
    description: str
    kind: SourceKind
    tables: Mapping[str, Table] = field(default_factory=dict)

    @property
    def is_api(self) -> bool:
        """Whether its coverage counts for data_through; files people edit cover everything."""
        return self.kind != "files"

    @property
    def window_tables(self) -> tuple[Table, ...]:
        return tuple(table for table in self.tables.values() if table.kind == "window")
