"""How near each model comes to what channels truly brought: `python -m tests.attribution.effects`.

Flow: worlds whose channels' effects are known (`sandbox.effects`) → a log of touches → every model of the engine →
each channel's share of the credited conversions against its share of the conversions that would be lost without it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from attribution.engine import attribute
from attribution.model import DATA_DRIVEN, RULES, UNATTRIBUTED, Settings
from sandbox.effects import CHANNELS, World

SEEDS = range(10)
MILESTONES = ("w_shaped", "full_path")  # these worlds have none: both say what linear's kin say


def shares(world: World) -> dict[str, list[float]]:
    """Each model's shares of the conversions that have a touch, by channel."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "log.parquet")
        pq.write_table(world.journeys().log(), file)
        models = tuple(name for name in (*RULES, *DATA_DRIVEN) if name not in MILESTONES)
        result = attribute(file, Settings(models=models, bootstrap=0))
    assert not result.withheld, result.withheld
    found = {}
    for model, credits in result.credits.items():
        by_channel = {unit.channel: float(credit.conversions) for unit, credit in credits.items()}
        by_channel.pop(UNATTRIBUTED, None)
        whole = sum(by_channel.values())
        found[model] = [by_channel.get(channel, 0.0) / whole for channel in CHANNELS]
    return found


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's: of ranks, equal values sharing the mean of theirs."""
    ranks = [_ranks(np.asarray(side)) for side in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    below = (values[np.newaxis, :] < values[:, np.newaxis]).sum(axis=1)
    equal = (values[np.newaxis, :] == values[:, np.newaxis]).sum(axis=1)
    return below + (equal + 1) / 2


def judged(seeds: Iterable[int]) -> Mapping[str, tuple[float, float]]:
    """Each model's mean rank correlation with the truth and mean absolute error of a channel's share, over worlds."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in seeds:
        world = World(seed)
        truth = [world.truth()[channel] for channel in CHANNELS]
        for model, said in shares(world).items():
            error = float(np.mean(np.abs(np.subtract(said, truth))))
            found.setdefault(model, []).append((rank_correlation(said, truth), error))
    return {model: tuple(np.mean(each, axis=0).tolist()) for model, each in found.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--worlds", type=int, default=len(SEEDS))
    worlds = arguments.parse_args().worlds
    print(f"{worlds} worlds: shares of channels against what would be lost without each")
    print(f"{'model':<16} {'rank correlation':>17} {'mean absolute error':>20}")
    for model, (correlation, error) in judged(range(worlds)).items():
        print(f"{model:<16} {correlation:>17.3f} {error:>20.4f}")


if __name__ == "__main__":
    main()
