"""The picture of which channels begin journeys and which end them: geometry only, so all of it can stand in a page.

Flow: counts by (first channel, last channel) → `flow` → two columns of nodes and the ribbons between them. Heights are
pixels, widths percent: the page stretches the ribbons over whatever room there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEIGHT = 300.0  # of all conversions together
LABEL, GAP, THINNEST = 20.0, 8.0, 2.0
MOST = 8
OTHERS = "other channels"


@dataclass(frozen=True)
class Node:
    """A channel at one end: its conversions, and where it stands; `hue` numbers its colour."""

    channel: str
    count: int
    share: float
    top: float
    height: float
    hue: int


@dataclass(frozen=True)
class Ribbon:
    """Conversions that begin with one channel and end with another."""

    first: str
    last: str
    count: int
    path: str
    hue: int


@dataclass(frozen=True)
class Flow:
    firsts: tuple[Node, ...]
    lasts: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]
    height: float


def flow(counts: Mapping[tuple[str, str], int], channels: Sequence[str]) -> Flow | None:
    """The picture; `channels` are those that keep their name (others go together) in the order they get colours."""
    named = channels[:MOST]
    merged: dict[tuple[str, str], int] = {}
    for ends, count in counts.items():
        first, last = (each if each in named else OTHERS for each in ends)
        merged[first, last] = merged.get((first, last), 0) + count
    if not merged:
        return None
    hues = {channel: index for index, channel in enumerate((*named, OTHERS))}
    firsts, lasts = (_nodes(merged, side, hues) for side in (0, 1))
    ribbons = _ribbons(merged, firsts, lasts)
    bottom = max(nodes[-1].top + max(nodes[-1].height, LABEL) for nodes in (firsts, lasts))
    return Flow(firsts, lasts, ribbons, bottom)


def _nodes(counts: Mapping[tuple[str, str], int], side: int, hues: Mapping[str, int]) -> tuple[Node, ...]:
    """A column: most conversions first, each node as high as its share, with room for its label."""
    sums: dict[str, int] = {}
    for ends, count in counts.items():
        sums[ends[side]] = sums.get(ends[side], 0) + count
    whole = sum(sums.values())
    nodes, top = [], 0.0
    for channel in sorted(sums, key=lambda name: (name == OTHERS, -sums[name], name)):
        height = max(HEIGHT * sums[channel] / whole, THINNEST)
        room = max(height, LABEL)
        nodes.append(
            Node(channel, sums[channel], sums[channel] / whole, top + (room - height) / 2, height, hues[channel])
        )
        top += room + GAP
    return tuple(nodes)


def _ribbons(
    counts: Mapping[tuple[str, str], int], firsts: Sequence[Node], lasts: Sequence[Node]
) -> tuple[Ribbon, ...]:
    """Ribbons leave and reach their nodes in the order of the other column, so that few of them cross."""
    left, right = ({node.channel: node.top for node in nodes} for nodes in (firsts, lasts))
    made = []
    for first in firsts:
        for last in lasts:
            count = counts.get((first.channel, last.channel), 0)
            if not count:
                continue
            out, into = first.height * count / first.count, last.height * count / last.count
            a, b = left[first.channel], right[last.channel]
            path = (
                f"M0 {a:.1f}C50 {a:.1f} 50 {b:.1f} 100 {b:.1f}"
                f"V{b + into:.1f}C50 {b + into:.1f} 50 {a + out:.1f} 0 {a + out:.1f}Z"
            )
            made.append(Ribbon(first.channel, last.channel, count, path, first.hue))
            left[first.channel] += out
            right[last.channel] += into
    return tuple(made)
