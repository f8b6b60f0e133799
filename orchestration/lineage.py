"""Which upstream columns each column of a dbt model comes from, read from its compiled SQL.

sqlglot follows each column of the final select to the tables of the model's direct parents. The answer depends on the
SQL, but for the texts in it, and the parents' columns only, so it is kept in a file named after both: a second run of
an unchanged model computes nothing, nor does one that names other days or loads.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

# Column → the (table, column) pairs it is made from. A table is named `schema.name`.
Lineage = dict[str, list[tuple[str, str]]]
Columns = Mapping[str, Mapping[str, str]]

# Lake tables are read in place: `read_parquet('…/ga4/events/*.parquet', …)` stands for the source table ga4.events.
_LAKE_READ = re.compile(r"read_parquet\(\s*'[^']*/(\w+)/(\w+)/\*\.parquet'[^)]*\)")
# What columns do not come from: comments, and texts of a list (days, loads). Quoted names stay.
_TEXTS = re.compile(r"""--[^\n]*|/\*.*?\*/|("[^"]*")|(?<=[(\[])\s*'[^']*'(?:\s*,\s*'[^']*')*|'[^']*'""", re.DOTALL)
# Beyond this many characters the answer is an unreadable web of every fact and takes longer than the model itself.
LONGEST_SQL = 60_000


def column_lineage(sql: str, columns: Sequence[str], tables: Columns, dialect: str, cache: Path) -> Lineage:
    """Lineage of `columns` of the model with this compiled SQL; `tables` maps its parents to their columns' types."""
    if len(sql) > LONGEST_SQL:
        return {}
    sql = _LAKE_READ.sub(r"\1.\2", sql)
    shape = json.dumps(
        [_TEXTS.sub(lambda found: found[1] or "''", sql), list(columns), tables, dialect], sort_keys=True
    )
    digest = hashlib.sha256(shape.encode()).hexdigest()[:24]
    path = cache / f"{digest}.json"
    if path.exists():
        known: Mapping[str, list[list[str]]] = json.loads(path.read_text())
        return {column: [(table, name) for table, name in sources] for column, sources in known.items()}
    found = _trace(sql, columns, tables, dialect)
    cache.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")  # whole or not at all, as a run may be killed here
    part.write_text(json.dumps(found))
    part.replace(path)
    return found


def _trace(sql: str, columns: Sequence[str], tables: Columns, dialect: str) -> Lineage:
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    schema: dict[str, dict[str, dict[str, str]]] = {}
    for table, types in tables.items():
        namespace, _, name = table.partition(".")
        schema.setdefault(namespace, {})[name] = dict(types)
    try:
        query = parse_one(sql, dialect=dialect)
        for reference in query.find_all(exp.Table):
            reference.set("catalog", None)  # the warehouse file's own name, which dbt writes in front of every schema
        nodes = lineage(None, query, schema, dialect=dialect, copy=False)
    except (
        SqlglotError,
        ValueError,
    ):  # syntax this version of sqlglot does not know yet: no lineage, the model is fine
        return {}
    found: Lineage = {}
    for column in columns:
        leaves = (leaf for leaf in nodes[column].walk() if not leaf.downstream) if column in nodes else ()
        sources = {
            (f"{leaf.expression.db}.{leaf.expression.name}", leaf.name.rpartition(".")[2])
            for leaf in leaves
            if isinstance(leaf.expression, exp.Table) and leaf.expression.db in schema
        }
        found[column] = sorted(sources)
    return found
