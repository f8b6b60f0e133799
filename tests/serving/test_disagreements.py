"""Where models disagree, in words: what the attribution page and `kpilote attribute` say is what their tables show."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attribution.engine import attribute
from attribution.model import Credit, Result, Totals, Unit
from serving.attribution import reading, tables
from serving.attribution.contents import Driven, Journeys, Period, Share, View
from serving.comparison.sheet import Column, Figure, disagreements, sheet
from serving.report.data import side_by_side

QUARTER = Period("quarter", date(2026, 1, 1), date(2026, 3, 31), is_whole=True)
MODELS = ("first_touch", "last_touch", "linear", "markov")
CHANNELS = ("organic_search", "direct", "email", "unattributed")
SENTENCE = re.compile(
    r"Models disagree (?:most|next) on (.+?): ([\d.]+) conversions by ([^,]+), .+; ([\d.]+) by ([^,]+),"
)
SENTENCE_OF_ANY = re.compile(r"Models disagree \w+ on (\w+): ([\d.]+) conversions by (.+); ([\d.]+) by (.+)\.")
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


@given(
    st.lists(
        st.lists(st.tuples(*[st.integers(0, 300)] * 3).map(sorted), min_size=3, max_size=3), min_size=1, max_size=4
    )
)
def test_models_whose_intervals_meet_do_not_disagree(drawn: list[list[list[int]]]) -> None:
    columns = [
        Column(
            f"model {number}",
            f"Model {number}",
            {Unit(name): Figure(at, None, (low, high)) for name, (low, at, high) in zip("abc", figures, strict=True)},
        )
        for number, figures in enumerate(drawn)
    ]
    told = [SENTENCE_OF_ANY.match(sentence).groups() for sentence in disagreements(columns)]  # type: ignore[union-attr]
    apart = {
        name: max(
            0, max(each.of(Unit(name)).sure[0] for each in columns) - min(e.of(Unit(name)).sure[1] for e in columns)
        )
        for name in "abc"
    }
    assert [channel for channel, *_ in told] == sorted((n for n in "abc" if apart[n]), key=lambda n: (-apart[n], n))
    for channel, high, by_high, low, by_low in told:
        by = {column.label: column.of(Unit(channel)) for column in columns}
        assert by[by_high].sure[0] - by[by_low].sure[1] == apart[channel]
        assert (by[by_high].conversions, by[by_low].conversions) == (float(high), float(low))


def test_a_model_whose_answer_is_chance_is_said_to_be_so(tmp_path: Path) -> None:
    """Channels at random change nothing, so a regression finds only noise; Markov counts paths, and is sure of them."""
    random = np.random.default_rng(1)
    paths = Counter(
        (">".join(random.choice(list("abcd"), random.integers(1, 4))), bool(random.random() < 0.1)) for _ in range(5000)
    )
    lines = [f"{path},{count * won},{count * (not won)}" for (path, won), count in sorted(paths.items())]
    file = tmp_path / "paths.csv"
    file.write_text("\n".join(["path,conversions,nulls", *lines]), encoding="utf-8")
    told = [each for each in sheet("a file", attribute(file), None).reading if "chance" in each]
    assert len(told) == 1
    assert re.fullmatch(
        r"Logistic regression is hardly more than chance here: it gives [abcd] [\d.]+ conversions, resampled journeys "
        r"anything from [\d.]+ to [\d.]+\.",
        told[0],
    )


def test_the_page_says_which_model_of_the_last_month_is_chance() -> None:
    sure = (Share("markov", "email", 0.4, 0.3, 0.5), Share("markov", "direct", 0.6, 0.5, 0.7))
    noise = (Share("logistic", "email", 0.9, 0.01, 0.95), Share("logistic", "direct", 0.1, 0.0, 0.9))
    untold = (Share("shapley", "email", 0.5, None, None), Share("shapley", "direct", 0.5, None, None))
    shown = replace(view({"markov": {"email": 4, "direct": 6}}), driven=Driven((*sure, *noise, *untold)))
    assert [each for each in reading.sentences(shown, (), "EUR") if "chance" in each] == [
        "Logistic regression is hardly more than chance here: in March 2026 it gives Email 90.0% of the customers, "
        "resampled journeys anything from 1.00% to 95.0%."
    ]


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
