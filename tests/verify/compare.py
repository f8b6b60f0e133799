"""When is a cell of `kpi_values` the same as the cell of an independent engine?

One frame per side with the columns of KEY, `value`, `numerator` and `denominator`. The rules:

1. Counts and money are equal to the last digit; ratios, medians and composites within 1e-9 (relative above one), and so
   are numerators and denominators.
2. Absence is not a value. An additive KPI or a snapshot without rows is 0 in `kpi_values` (dimension `total`) or has no
   cell (other dimensions); the engine has no cell, NULL or 0. A ratio, median or composite without rows is NULL or has
   no cell on either side.
3. A ratio over two facts whose numerator has no rows is 0 in `kpi_values`; an engine that joins facts may say NULL.
4. Anything else that only one side has is a difference: `missing` here, or `extra` here.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

KEY = ["kpi", "cadence", "dimension", "period_start", "dimension_value"]
RATIO_TOLERANCE = 1e-9
EXACT_CLASSES = ("additive", "snapshot")


@dataclass
class Comparison:
    """What one engine said about one KPI: cells compared and the ones that differ (columns KEY, ours, theirs, rule)."""

    kpi: str
    engine: str
    cells: int = 0
    differences: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def passed(self) -> bool:
        return self.differences.empty and self.cells > 0


def equal(ours: pd.Series, theirs: pd.Series, *, exact: bool) -> pd.Series:
    """Cell by cell, NULL equal to NULL."""
    both_null = ours.isna() & theirs.isna()
    if exact:
        return both_null | (ours == theirs)
    slack = RATIO_TOLERANCE * np.maximum(1.0, theirs.abs())
    return both_null | ((ours - theirs).abs() <= slack)


def compare(kpi: str, engine: str, additivity: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> Comparison:
    """All cells of one KPI. `ours` comes from kpi_values, `theirs` from the engine."""
    cells = ours.merge(theirs, on=KEY, how="outer", suffixes=("_ours", "_theirs"), indicator=True)
    value, other = cells["value_ours"].astype(float), cells["value_theirs"].astype(float)
    exact = additivity in EXACT_CLASSES
    if exact:
        value, other = value.fillna(0.0), other.fillna(0.0)
    same = equal(value, other, exact=exact)
    if additivity == "ratio_of_sums":
        numerator = cells["numerator_ours"].astype(float)
        same |= other.isna() & (value == 0.0) & (numerator == 0.0)
        for part in ("numerator", "denominator"):
            if f"{part}_theirs" in cells:
                ours_part = cells[f"{part}_ours"].astype(float).fillna(0.0)
                theirs_part = cells[f"{part}_theirs"].astype(float).fillna(0.0)
                same &= equal(ours_part, theirs_part, exact=False)
    wrong = cells.loc[~same]
    rule = wrong["_merge"].map({"left_only": "extra", "right_only": "missing", "both": "differs"}).astype(str)
    differences = wrong[KEY].assign(ours=wrong["value_ours"], theirs=wrong["value_theirs"], rule=rule)
    return Comparison(kpi, engine, cells=len(cells), differences=differences.reset_index(drop=True))
