"""Bounds of a KPI's window, compiled as SQL over `last_day`, for a last day of one's own."""

import re


def last_day_over(expression: str, last_day: str) -> str:
    """The expression with SQL of another last day in place of the column `last_day`."""
    return re.sub(r"\blast_day\b", f"({last_day})", expression)
