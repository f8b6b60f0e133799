"""What a comparison shows, before it has a form: columns of credits by channel, and where they disagree, in words.

Flow: `attribution.Result` (and what a present tool says) → `Sheet` → `terminal`, `page`, `table`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from attribution.model import UNATTRIBUTED, Result, Unit
from attribution.present import Told, spelt
from serving.report import wording

YOURS = "yours"
# What each model looks at: the reason why two of them differ on a channel.
LOOKS_AT = {
    "first_touch": "how often it begins a path",
    "last_touch": "how often it ends a path",
    "last_non_direct": "how often it is the last but for direct visits",
    "linear": "how many of the touches are its own",
    "position_based": "how often it begins or ends a path",
    "w_shaped": "how often it begins a path or makes a lead or an opportunity",
    "full_path": "how often it begins or ends a path or makes a lead or an opportunity",
    "time_decay": "how near its touches are to the conversion",
    "custom": "the places your weights name",
    "markov": "how many conversions come by paths through it",
    "shapley": "in how many paths it is, shared with the others there",
    "shapley_rate": "how much more often paths convert where it takes part, however few they are",
    "logistic": "how many conversions its paths have beyond what the other channels in them explain",
}
NOT_CAUSE = (
    "All of it is association in the paths that were seen, not cause: only an experiment shows what a channel adds."
)
SENTENCES = 3
CHANCE = 0.5  # of a model's conversions: what the margins of its channels add up to where chance makes the answer


@dataclass(frozen=True)
class Figure:
    """One channel's credit by one model, and where 95 % of resampled journeys put its conversions."""

    conversions: float
    value: float | None
    interval: tuple[float, float] | None = None

    @property
    def margin(self) -> float | None:
        """Half the interval's width."""
        return (self.interval[1] - self.interval[0]) / 2 if self.interval else None

    @property
    def sure(self) -> tuple[float, float]:
        """The least and the most it may be."""
        return self.interval or (self.conversions, self.conversions)


NOTHING = Figure(0.0, 0.0)


@dataclass(frozen=True)
class Column:
    name: str
    label: str
    figures: Mapping[Unit, Figure]

    def of(self, unit: Unit) -> Figure:
        """What it credits; what it does not name it gives nothing."""
        return self.figures.get(unit, NOTHING)


@dataclass(frozen=True)
class Sheet:
    """Units in rows, models in columns, what is told beside them in sentences."""

    source: str
    result: Result
    units: tuple[Unit, ...]
    columns: tuple[Column, ...]
    reading: tuple[str, ...]
    by_campaign: bool


def sheet(source: str, result: Result, present: Mapping[Unit, Told] | None, *, by_campaign: bool = False) -> Sheet:
    """Put a result, and a present tool's credits where given, side by side."""
    columns = [
        Column(
            name,
            wording.MODELS.get(name, wording.title(name)),
            {
                unit: Figure(float(credit.conversions), float(credit.value), credit.interval)
                for unit, credit in credits.items()
            },
        )
        for name, credits in result.credits.items()
    ]
    reading = [*disagreements(columns), *unsure(columns)]
    units = result.units
    if present is not None:
        told = spelt(present, units)
        yours = Column(YOURS, "Yours", {unit: Figure(each.conversions, each.value) for unit, each in told.items()})
        reading += _nearest(columns, yours, units, by_campaign=by_campaign)
        columns.append(yours)
        units = (*units, *(unit for unit in told if unit not in units))
    withheld = [f"{wording.MODELS.get(name, name)} is withheld: {why}." for name, why in result.withheld.items()]
    notes = [f"{note[:1].upper()}{note[1:]}." for note in result.notes]
    return Sheet(source, result, units, tuple(columns), (*reading, NOT_CAUSE, *withheld, *notes), by_campaign)


def named(unit: Unit, *, by_campaign: bool) -> str:
    return f"{unit.channel} / {unit.campaign}" if by_campaign and unit.channel != UNATTRIBUTED else unit.channel


def written(amount: float, measure: str = "conversions") -> str:
    """A number as people compare it with their own tool's: written out, decimals where they say something."""
    if measure == "value":
        decimals = 2 if abs(amount) < 1000 else 0
    else:
        decimals = 0 if float(amount).is_integer() or abs(amount) >= 1000 else 1
    text = f"{abs(amount):,.{decimals}f}"
    return wording.MINUS + text if amount < 0 and any(digit in "123456789" for digit in text) else text


def disagreements(columns: Sequence[Column]) -> list[str]:
    """The channels on which models differ most, beyond what chance explains, with the two that differ and what each of
    them looks at.

    A model that has no figure of a channel gives it nothing; one that is withheld has no column.
    """
    spreads = []
    for unit in {unit for column in columns for unit in column.figures if unit.channel != UNATTRIBUTED}:
        low = min(columns, key=lambda column: (column.of(unit).sure[1], column.label))
        high = max(columns, key=lambda column: (column.of(unit).sure[0], column.label))
        spreads.append((high.of(unit).sure[0] - low.of(unit).sure[1], unit, low, high))
    spreads.sort(key=lambda spread: (-spread[0], spread[1].channel, spread[1].campaign))
    return [
        f"Models disagree {'most' if rank == 0 else 'next'} on {named(unit, by_campaign=unit.campaign != '(none)')}: "
        f"{written(high.of(unit).conversions)} conversions by {_explained(high)}; "
        f"{written(low.of(unit).conversions)} by {_explained(low)}."
        for rank, (spread, unit, low, high) in enumerate(spreads[:SENTENCES])
        if spread >= 0.05
    ]


def _explained(column: Column) -> str:
    """A model and what it looks at, where it is one of ours."""
    looks_at = LOOKS_AT.get(column.name)
    return f"{column.label}, which counts {looks_at}" if looks_at else column.label


def unsure(
    columns: Sequence[Column], write: Callable[[float], str] = written, what: str = "conversions", when: str = ""
) -> Iterator[str]:
    """The models whose answer is hardly more than chance, each with the channel of which it is the least sure.

    write, what, when: how its figures are written, what they are of, and (with a blank behind it) in which time.
    """
    for column in columns:
        margins = {unit: figure.margin for unit, figure in column.figures.items() if figure.margin}
        if margins and sum(margins.values()) >= CHANCE * sum(each.conversions for each in column.figures.values()):
            unit = max(margins, key=lambda unit: (margins[unit], unit.channel))
            given, low, high = map(write, (column.of(unit).conversions, *column.of(unit).sure))
            yield (
                f"{column.label} is hardly more than chance here: {when}it gives {unit.channel} {given} {what}, "
                f"resampled journeys anything from {low} to {high}."
            )


def _nearest(columns: list[Column], yours: Column, units: tuple[Unit, ...], *, by_campaign: bool) -> list[str]:
    """Which model the present tool is nearest to, and the channels only one of them knows."""
    if not columns:
        return []

    def distance(column: Column) -> float:
        """Conversions that stand elsewhere: what one has too much, or too little where totals differ."""
        units = {*column.figures, *yours.figures}
        pairs = [(yours.of(unit).conversions, column.of(unit).conversions) for unit in units]
        return max(sum(max(a - b, 0) for a, b in pairs), sum(max(b - a, 0) for a, b in pairs))

    nearest = min(columns, key=distance)
    told = [
        f"Your tool is nearest to {nearest.label}: "
        f"{written(distance(nearest))} of the conversions stand in another channel."
    ]
    strange = [named(unit, by_campaign=by_campaign) for unit in yours.figures if unit not in units]
    if strange:
        told.append(f"Only your tool names {', '.join(strange)}: are they spelt as in the file?")
    return told
