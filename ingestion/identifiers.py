"""Columns that lead to a person, in Arrow tables: which rows hold one of these identifiers, and rows without them.

The registry says which columns these are (`Table.identifiers`). The door uses this to turn a suppressed person's rows
away (`suppression.py`), an erasure to give them surrogates (`erasure.py`). Each distinct value is looked at once.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.registry import Table
from ingestion.tables.model import LOCAL, Identifier, IdentifierKind

# What becomes of a value: another one, or None where it goes.
Becomes = Callable[[str], str | None]

# Whether an identifier, its kind and value, is one of those looked for.
Known = Callable[[IdentifierKind, str], bool]

SURROGATE = "erased-"


def is_surrogate(value: str) -> bool:
    """Whether a value stands for somebody erased."""
    return value.startswith(SURROGATE)


def known_as(source: str, kind: IdentifierKind, value: str) -> str:
    """An identifier as it is known outside its source's own tables: what one vendor numbered carries its name."""
    return f"{source}:{value}" if kind in LOCAL else value


def needed(table: Table) -> list[str]:
    """The columns to read to know whether a row leads to somebody."""
    columns = [column for each in table.identifiers for column in (each.column, *(each.where or ())[:1])]
    return list(dict.fromkeys(columns))


def holding(rows: pa.Table, table: Table, identifiers: tuple[Identifier, ...], known: Known) -> Any:
    """A mask of the rows of a table in which one of these columns holds a known identifier."""
    mask = pa.array([False] * rows.num_rows, pa.bool_())
    for each in identifiers:
        column = _column(rows, each.column)
        if pa.types.is_list(column.type):
            found = _flags(column.flatten(), table, each, known)
            parents = pc.filter(pc.list_parent_indices(column), found)
            hit = pc.is_in(pa.array(range(rows.num_rows), pa.int64()), parents.cast(pa.int64()))
        else:
            hit = _flags(column, table, each, known)
        mask = pc.or_(mask, pc.and_(hit, _said(rows, each)))
    return mask


def _flags(values: Any, table: Table, each: Identifier, known: Known) -> Any:
    encoded = values.dictionary_encode()
    hits = [
        value is not None and known(each.kind, known_as(table.source, each.kind, value))
        for value in encoded.dictionary.to_pylist()
    ]
    return _true(pa.array(hits, pa.bool_()).take(encoded.indices))


def _said(rows: pa.Table, each: Identifier) -> Any:
    """Whether the other column says that this one is of the identifier's kind."""
    if each.where is None:
        return pa.array([True] * rows.num_rows, pa.bool_())
    column, word = each.where
    return _true(pc.equal(_column(rows, column), pa.scalar(word)))


def replaced(rows: pa.Table, each: Identifier, becomes: Becomes) -> pa.Table:
    """The rows with the values of a column replaced, where the column is of the identifier's kind."""
    column = _column(rows, each.column)
    if pa.types.is_list(column.type):
        lists = [
            None if values is None else [new for new in map(becomes, values) if new is not None]
            for values in column.to_pylist()
        ]
        changed = pa.array(lists, column.type)
    else:
        encoded = column.dictionary_encode()
        new = [None if value is None else becomes(value) for value in encoded.dictionary.to_pylist()]
        changed = pa.array(new, column.type).take(encoded.indices)
    return _with(rows, each.column, pc.if_else(_said(rows, each), changed, column))


def without_texts(rows: pa.Table, table: Table, mask: Any) -> pa.Table:
    """The rows with their free texts emptied and their URLs cut to the path, where the mask says so.

    A file older than one of these columns does not have it.
    """
    for name in filter(rows.column_names.__contains__, table.free_text):
        column = _column(rows, name)
        rows = _with(rows, name, pc.if_else(mask, pa.scalar(None, column.type), column))
    for name in filter(rows.column_names.__contains__, table.urls):
        column = _column(rows, name)
        encoded = column.dictionary_encode()
        paths = [None if url is None else _path(url) for url in encoded.dictionary.to_pylist()]
        rows = _with(rows, name, pc.if_else(mask, pa.array(paths, column.type).take(encoded.indices), column))
    return rows


def _path(url: str) -> str:
    """A URL without query and fragment, in which addresses of pages carry who reads them."""
    try:
        return urlsplit(url)._replace(query="", fragment="").geturl()
    except ValueError:
        return ""


def _column(rows: pa.Table, name: str) -> Any:
    return rows.column(name).combine_chunks()


def _true(mask: Any) -> Any:
    """A mask in which null is false."""
    return pc.fill_null(mask, pa.scalar(False))


def _with(rows: pa.Table, name: str, values: Any) -> pa.Table:
    index = rows.schema.get_field_index(name)
    return rows.set_column(index, rows.schema.field(index), values)
