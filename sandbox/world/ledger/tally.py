"""Adding facts up into cells: one row per period and dimension value."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from sandbox.world.draw import Floats
from sandbox.world.ledger import periods
from sandbox.world.ledger.rules import CADENCES

CELL_COLUMNS = ["period_start", "dimension_value", "numerator", "denominator", "value"]
_KEY = ["period_start", "dimension_value"]


class Tally:
    """Sums over the periods from the first day to the last whole one."""

    def __init__(self, first: date, until: date) -> None:
        self.first, self.until = first, until
        self._periods = {cadence: periods.covered_periods(first, until, cadence) for cadence in CADENCES}

    def periods(self, cadence: str) -> pd.DataFrame:
        """Covered periods: period_start and last_day, the last covered day."""
        return self._periods[cadence]

    def spans(self, cadence: str) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        return periods.spans(self.first, self.until, cadence)

    def keyed(self, fact: pd.DataFrame, cadence: str, dimension: str) -> pd.DataFrame:
        """The fact's rows with their period and dimension value, inside the covered periods."""
        keyed = fact.assign(
            period_start=periods.period_start(fact["day"], cadence),
            dimension_value="total" if dimension == "total" else fact[dimension],
        )
        return keyed[keyed["period_start"].isin(self.periods(cadence)["period_start"])]

    def sums(self, fact: pd.DataFrame, measure: str, cadence: str, dimension: str) -> pd.Series:
        """One measure summed by (period_start, dimension_value)."""
        return self.keyed(fact, cadence, dimension).groupby(_KEY)[measure].sum()

    def additive(self, sums: pd.Series, cadence: str, dimension: str, unit: int = 1) -> pd.DataFrame:
        """Cells of a count or an amount (unit 100: the sums are cents); the total of an empty period is 0."""
        if dimension == "total":
            sums = sums.reindex(self._totals(cadence), fill_value=0)
        values = sums.to_numpy(dtype=np.float64) / unit
        return self._cells(sums.index, values, np.full(len(values), np.nan), values)

    def ratio(
        self, numerator: pd.Series, denominator: pd.Series, cadence: str, dimension: str, unit: int = 1
    ) -> pd.DataFrame:
        """Cells of a ratio wherever either side has rows; nothing to divide by leaves the value empty."""
        index = self._totals(cadence) if dimension == "total" else numerator.index.union(denominator.index)
        above = numerator.reindex(index, fill_value=0).to_numpy(dtype=np.float64) / unit
        below = denominator.reindex(index, fill_value=0).to_numpy(dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(below != 0, above / below, np.nan)
        return self._cells(index, above, below, value)

    def plain(self, values: pd.Series, cadence: str, dimension: str) -> pd.DataFrame:
        """Cells that are neither sum nor ratio; periods without a value stay empty in the total."""
        if dimension == "total":
            values = values.reindex(self._totals(cadence))
        nothing = np.full(len(values), np.nan)
        return self._cells(values.index, nothing, nothing, values.to_numpy(dtype=np.float64))

    def _totals(self, cadence: str) -> pd.MultiIndex:
        return pd.MultiIndex.from_product([self.periods(cadence)["period_start"], ["total"]], names=_KEY)

    def _cells(self, index: pd.Index, numerator: Floats, denominator: Floats, value: Floats) -> pd.DataFrame:
        frame = index.to_frame(index=False).set_axis(_KEY, axis=1)
        frame = frame.assign(numerator=numerator, denominator=denominator, value=value)
        return frame[CELL_COLUMNS].sort_values(_KEY, ignore_index=True)
