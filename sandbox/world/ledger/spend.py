"""Money spent to win customers: media by day and campaign, other costs on the first of their month."""

from __future__ import annotations

import pandas as pd

from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import NONE


def spend(observed: Observed) -> pd.DataFrame:
    """Spend in cents: all of it, media only, and marketing (all but what sales costs)."""
    media, costs = observed.snapshot.ad_spend, observed.snapshot.marketing_costs
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "day": media["date"],
                    "category": "media",
                    "channel": media["channel"],
                    "campaign": media["campaign"],
                    "amount": media["spend"],
                    "currency": media["currency"],
                }
            ),
            pd.DataFrame(
                {
                    "day": costs["month"],
                    "category": costs["category"],
                    "channel": costs["channel"].fillna(NONE),
                    "campaign": NONE,
                    "amount": costs["amount"],
                    "currency": costs["currency"],
                }
            ),
        ],
        ignore_index=True,
    )
    rows["cents"] = observed.cents(rows["amount"], rows["currency"], rows["day"])
    is_sales = rows["category"].isin(observed.rules.sales_cost_categories)
    rows["media"] = rows["cents"].where(rows["category"] == "media", 0)
    rows["marketing"] = rows["cents"].where(~is_sales, 0)
    return rows
