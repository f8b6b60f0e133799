"""`python -m tests.fuzz [--inputs N] [--seed S]`: many inputs per target, a line of figures each; 1 on a crash or loss.

A failing input is made again by its target and seed: `python -m tests.fuzz --target NAME --seed S --inputs 1`.
"""

import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable

import click

from tests.fuzz.feeding import LostError, Outcome
from tests.fuzz.targets import TARGETS

# An input that takes longer hangs, for a person who waits.
SECONDS = 20
SHOWN = 5


@click.command()
@click.option("--inputs", type=click.IntRange(1), default=10_000, show_default=True, help="Inputs, over all targets.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first input; each further one adds one.")
@click.option("--target", type=click.Choice(tuple(TARGETS)), help="Only this one.")
def main(inputs: int, seed: int, target: str | None) -> None:
    """Fuzz spreadsheets and vendors' answers."""
    shares = {target: 1} if target else {name: share for name, (share, _) in TARGETS.items()}
    failed = 0
    click.echo(f"{'target':<28}{'inputs':>9}{'rows in':>11}{'quarantined':>13}{'refused':>9}{'crashed':>9}{'lost':>6}")
    for name, share in shares.items():
        began = time.monotonic()
        tried = max(1, round(inputs * share / sum(shares.values())))
        counts = _run(name, TARGETS[name][1], range(seed, seed + tried))
        failed += counts["crashed"] + counts["lost"]
        click.echo(
            f"{name:<28}{tried:>9,}{counts['accepted']:>11,}{counts['quarantined']:>13,}{counts['refused']:>9,}"
            f"{counts['crashed']:>9}{counts['lost']:>6}   {time.monotonic() - began:.0f} s"
        )
    sys.exit(1 if failed else 0)


def _run(name: str, feed: Callable[[random.Random], Outcome], seeds: range) -> Counter[str]:
    counts: Counter[str] = Counter()
    signal.signal(signal.SIGALRM, _late)
    for seed in seeds:
        signal.alarm(SECONDS)
        try:
            outcome = feed(random.Random(seed))
        except LostError as lost:
            counts["lost"] += 1
            click.echo(f"LOST {name}, seed {seed}: {lost}")
        except Exception as error:
            counts["crashed"] += 1
            if counts["crashed"] <= SHOWN:
                last = traceback.extract_tb(error.__traceback__)[-1]
                click.echo(f"CRASH {name}, seed {seed}: {error!r:.300} at {last.filename}:{last.lineno}")
        else:
            counts["accepted"] += outcome.accepted
            counts["quarantined"] += outcome.refused
            counts["refused"] += outcome.error is not None
        finally:
            signal.alarm(0)
    return counts


def _late(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


if __name__ == "__main__":
    main()
