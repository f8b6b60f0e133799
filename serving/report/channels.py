"""`kpilote channels` in the terminal: sessions that no channel rule matches, and mistakes in the tags of links."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from serving.release import Release, ReleaseError

TABLES = ("dim_channel_rules", "channel_unmatched", "utm_hygiene")
_UNMATCHED = ("source", "medium", "campaign", "referrer", "click_id")
_MISTAKES = ("parameter", "mistake", "value", "suggested", "seen_with")
_COUNTS = ("sessions", "converted_sessions", "last_seen_on")
_NOTHING = "(none)"


def render(release: Release, limit: int) -> RenderableType:
    """Both reports of a release, the costliest rows first, at most so many of each."""
    missing = [name for name in TABLES if name not in release.manifest["tables"]]
    if missing:
        raise ReleaseError(
            f"release {release.id} has no {missing[0]}, it is of an earlier Kpilote: `kpilote refresh --cadence daily`"
        )
    with release.connect() as connection:
        return Group(
            *_head(release, connection),
            _table(connection, "Sessions no rule matches", "channel_unmatched", _UNMATCHED, limit),
            Text(),
            _table(connection, "Mistakes in the tags of links", "utm_hygiene", _MISTAKES, limit),
        )


def _head(release: Release, connection: duckdb.DuckDBPyConnection) -> Iterator[RenderableType]:
    version, rules, matched = connection.execute(
        "select min(rules_version), count(*), sum(sessions)::bigint from dim_channel_rules"
    ).fetchall()[0]
    (unmatched,) = connection.execute("select coalesce(sum(sessions), 0)::bigint from channel_unmatched").fetchall()[0]
    share = unmatched / (matched + unmatched) if matched + unmatched else 0.0
    yield Text(f"Channel rules {version}: {rules} rules", style="bold")
    line = f"{matched:,} sessions have their channel from a rule, {unmatched:,} ({share:.1%}) from none"
    yield Text(f"{line}; release {release.id}, data through {release.data_through}", style="dim")
    yield Text()


def _table(
    connection: duckdb.DuckDBPyConnection, title: str, mart: str, words: tuple[str, ...], limit: int
) -> RenderableType:
    """The first rows of a mart; a column that says nothing in any of them leaves its place to the others."""
    (count,) = connection.execute(f"select count(*) from {mart}").fetchall()[0]  # noqa: S608 - our own marts
    if not count:
        return Text(f"{title}: none", style="green")
    shown = connection.execute(
        f"select {', '.join((*words, *_COUNTS))} from {mart} order by sessions desc, {', '.join(words)} limit ?",  # noqa: S608
        [limit],
    ).fetchall()
    caption = f"{count - len(shown):,} more: --limit {count}, or the mart {mart}" if count > len(shown) else None
    names = (*words, "sessions", "converted", "last seen")
    telling = [
        (name, said) for name, said in zip(names, zip(*shown, strict=True), strict=True) if {*said} != {_NOTHING}
    ]
    table = Table(title=title, caption=caption, box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.title_justify = table.caption_justify = "left"
    for name, _ in telling:
        heading = name.replace("_", " ").capitalize()
        if name in words:
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    for row in zip(*(said for _, said in telling), strict=True):
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: Any) -> Text:
    if isinstance(value, date):
        return Text(value.isoformat())
    if isinstance(value, int):
        return Text(f"{value:,}")
    return Text(value, style="dim" if value == _NOTHING else "")
