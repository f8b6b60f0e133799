"""What all pages are made with: one environment that escapes every text, and the words of `wording` as its filters."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from serving.report import wording

HERE = Path(__file__).parent / "template"


def environment(*folders: Path) -> Environment:
    """Templates of a page's own folders, and those that all pages share."""
    made = Environment(
        loader=FileSystemLoader([*folders, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=wording.number,
        money=wording.money,
        count=wording.count,
        percent=wording.percent,
        title_case=wording.title,
        day=wording.day,
    )
    return made
