"""Where models disagree, in words: what the attribution page and `kpilote attribute` say is what their tables show."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from attribution.model import Credit, Result, Totals, Unit
from serving.attribution import reading, tables
from serving.attribution.contents import Driven, Journeys, Period, View
from serving.comparison.sheet import disagreements, sheet
from serving.report.data import side_by_side

QUARTER = Period("quarter", date(2026, 1, 1), date(2026, 3, 31), is_whole=True)
MODELS = ("first_touch", "last_touch", "linear", "markov")
CHANNELS = ("organic_search", "direct", "email", "unattributed")
SENTENCE = re.compile(
    r"Models disagree (?:most|next) on (.+?): ([\d.]+) conversions by ([^,]+), .+; ([\d.]+) by ([^,]+),"
)
# A tenth is what the table shows; what a model gives nothing has no row in the mart.
CREDITS = st.dictionaries(
    st.sampled_from(MODELS),
    st.fixed_dictionaries({channel: st.integers(0, 300).map(lambda tenths: tenths / 10) for channel in CHANNELS}),
    min_size=1,
)


def view(credits: dict[str, dict[str, float]]) -> View:
    """A view as `attribution_channels` tells it: no row where there is neither credit nor spend."""
    rows = [
        {"model": model, "channel": channel, "conversions": amount, "value": 0, "spend": 0, "media_spend": 0}
        for model, channels in credits.items()
        for channel, amount in channels.items()
        if amount
    ]
    found = side_by_side(QUARTER.cadence, QUARTER.start, rows)
    return View("customer", QUARTER, found, Journeys(1, 0, 1, 90.0, "person", None, None, {}, {}, ()), Driven())


@given(CREDITS)
def test_the_sentence_says_the_ends_of_the_tables_range_of_the_channels_that_differ_most(
    credits: dict[str, dict[str, float]],
) -> None:
    shown = view(credits)
    (table, *_) = tables.models(shown, "EUR")
    rows = [row for row in table.rows if not row.is_rest]
    numbers = {
        row.name: {model: float(cell.text or "") for model, cell in zip(table.heads, row.cells, strict=True)}
        for row in rows
    }
    ranges = {row.name: tuple(map(float, row.more[0].split(" – "))) for row in rows}
    told = [SENTENCE.match(sentence) for sentence in disagreements(reading.columns(shown))]
    for said in told:
        assert said is not None
        channel, high, by_high, low, by_low = said.groups()
        assert (float(low), float(high)) == ranges[channel]
        assert (numbers[channel][by_low], numbers[channel][by_high]) == ranges[channel]
    widths = sorted((round(high - low, 1) for low, high in ranges.values() if high > low), reverse=True)
    assert [round(float(said[2]) - float(said[4]), 1) for said in told if said] == widths[:3]


def test_a_model_that_gives_a_channel_nothing_is_the_lower_one_and_one_that_is_withheld_is_neither() -> None:
    search, direct = Unit("search"), Unit("direct")

    def credit(conversions: int) -> Credit:
        return Credit(Decimal(conversions), Decimal(0))

    totals = Totals(100, Decimal(0), 0, Decimal(0), 0, 2, 200)
    told = {
        "first_touch": {search: credit(100)},
        "last_touch": {search: credit(40), direct: credit(60)},
        "linear": {search: credit(45), direct: credit(55)},
    }
    made = sheet("a file", Result("paths", totals, told, {"markov": "too few"}), None)
    assert [SENTENCE.match(sentence).groups() for sentence in made.reading[:2]] == [  # type: ignore[union-attr]
        ("direct", "60", "Last touch", "0", "First touch"),
        ("search", "100", "First touch", "40", "Last touch"),
    ]
    assert [sentence for sentence in made.reading if "Markov" in sentence] == ["Markov is withheld: too few."]
