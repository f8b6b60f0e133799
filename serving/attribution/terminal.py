"""`kpilote attribution` in the terminal: the default view in words, and where its page is."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from serving.attribution import data, page, reading
from serving.release import Release, ReleaseError


def render(release: Release) -> RenderableType:
    """The reading of what the page shows first; the page is drawn anew."""
    story, path = data.read(release), page.write(release)
    if story is None or path is None:
        raise ReleaseError(
            f"release {release.id} has no attribution, it is of an earlier Kpilote: `kpilote refresh --cadence daily`"
        )
    shown = story.default
    if shown is None:
        return Text("No conversion yet: there is nothing to attribute.")
    view = story.views[shown]
    return Group(
        Text(page.titled(view), style="bold"),
        *(Text(f"· {sentence}") for sentence in reading.sentences(view, story.rules[view.period], story.currency)),
        Text(f"\n  page: {path}"),
    )
