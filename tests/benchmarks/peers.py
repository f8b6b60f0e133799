"""Other attribution packages at the same work, each run by the interpreter of an environment that the benchmark makes.

    PYTHON peers.py NAME LOG.parquet PATHS.parquet

Prints one line of JSON: CPU and wall seconds from the file to the credits (imports left out) and peak MB of the
process. What NAME is given and asked for is said in its function.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any


def marketing_attribution_models(log: str, paths: str) -> Callable[[], object]:
    """From the log of touches: every heuristic, Markov with self-transitions, Shapley by conversion rate."""
    import polars
    from mam import MAM

    def run() -> None:
        frame = polars.read_parquet(log)
        models = MAM(
            frame,
            "session",
            channels_colname="channel",
            journey_with_conv_colname="converted",
            datetime_colname="time",
            user_id_colname="person",
            conversion_value_colname="value",
        )
        for rule in ("first_click", "last_click", "linear", "position_based", "time_decay"):
            getattr(models, f"run_{rule}")()
        models.run_markov(transition_to_same_state=True)
        models.run_shapley()

    return run


def channelattribution(log: str, paths: str) -> Callable[[], object]:
    """From paths that are already counted: its heuristics and Markov of order 1 with null paths."""
    import ChannelAttribution

    def run() -> None:
        frame = _paths(paths)
        ChannelAttribution.heuristic_models(frame, "path", "conversions", var_value="value", flg_pro=False)
        ChannelAttribution.markov_model(
            frame, "path", "conversions", var_value="value", var_null="nulls", flg_pro=False, verbose=False
        )

    return run


def mta(log: str, paths: str) -> Callable[[], object]:
    """From counted paths: first, last, linear, position-based, analytical Markov, Shapley."""
    from mta import MTA

    def run() -> None:
        frame = _paths(paths).rename(columns={"conversions": "total_conversions", "nulls": "total_null"})
        models = MTA(frame, allow_loops=True, add_timepoints=False)
        models.first_touch().last_touch().linear().position_based().markov().shapley()

    return run


def do_attribution(log: str, paths: str) -> Callable[[], object]:
    """From counted paths, a journey per row, as it has no counts: Markov and Shapley."""
    import numpy
    from do_attribution import MarkovAttribution, ShapleyAttribution

    def run() -> None:
        frame = _paths(paths)
        ways = [frame["path"].to_numpy(str).repeat(frame[kind].to_numpy(int)) for kind in ("conversions", "nulls")]
        converted = numpy.repeat([1, 0], [len(each) for each in ways])
        for model in (MarkovAttribution(), ShapleyAttribution()):
            model.fit(numpy.concatenate(ways), converted)

    return run


def _paths(file: str) -> Any:
    import pandas

    # Parquet needs a package that not every peer brings along.
    return pandas.read_csv(file.replace(".parquet", ".csv"))


def main() -> None:
    name, log, paths = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        run = globals()[name](log, paths)
        wall, cpu = time.perf_counter(), time.process_time()
        run()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": usage.ru_maxrss * 1024 / 1e6,
    }
    print(json.dumps(figures))
    os._exit(0)  # some leave threads behind


if __name__ == "__main__":
    main()
