"""Which record stands for one that was merged away, however many merges later."""

from __future__ import annotations

import pandas as pd

from sandbox.apis.answers import texts


def survivors(frame: pd.DataFrame, key: str) -> dict[str, str]:
    """Merged-away id → id of the record that finally survived; none where records of this kind are never merged."""
    if "merged_into" not in frame:
        return {}
    gone = frame[frame["merged_into"].notna()]
    into = dict(zip(texts(gone[key]), texts(gone["merged_into"]), strict=True))
    final: dict[str, str] = {}
    for loser, survivor in into.items():
        while survivor in into:
            survivor = into[survivor]
        if loser is not None and survivor is not None:
            final[loser] = survivor
    return final
