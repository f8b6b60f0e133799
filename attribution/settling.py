"""Amounts that add up: shares of a total, rounded so that they sum to it exactly.

Largest-remainder method (Hamilton): every share rounded down, what is missing goes, a smallest unit each, to those that
lost most. Decimals throughout: a total of doubles reads 13877.000000000011.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

COUNT_PLACES = 9
MONEY_PLACES = 2


def settle(shares: Sequence[Decimal | float], total: Decimal, places: int) -> list[Decimal]:
    """Shares (which add up to the total but for noise of doubles) at so many decimals, adding up to the total.

    Equal losses: the earlier share first. The total must have no more decimals than `places`.
    """
    unit = Decimal(1).scaleb(-places)
    exact = [share if isinstance(share, Decimal) else Decimal(float(share)) for share in shares]
    settled = [share.quantize(unit, ROUND_FLOOR) for share in exact]
    missing = int((total - sum(settled, Decimal(0))) / unit)
    order = sorted(range(len(exact)), key=lambda at: settled[at] - exact[at])
    # Noise may be more than a unit each where a total has many digits.
    each, more = divmod(missing, len(exact)) if exact else (0, 0)
    for rank, at in enumerate(order):
        settled[at] += unit * (each + (rank < more))
    return settled
