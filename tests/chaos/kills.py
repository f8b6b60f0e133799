"""Refreshes killed at random moments of every stage, each made good by the next refresh, without a hand.

Flow: a company in a process of its own → a twin refreshed undisturbed, and a victim whose refreshes are killed → the
next refresh of the victim must end well and leave the twin's marts, every column of every table. The moment of a kill
is drawn in the seconds a step took the twin, counted from the line that ended the step before, so that slow and quick
stages are hit alike.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from serving import release
from tests.benchmarks.company import Company, serving
from tests.chaos.victim import Refresh, damage, refresh, stage_of, uncommitted
from tests.conftest import home_environment
from tests.orchestration.marts import contents
from tests.serving.warehouse import Places

DAY = dt.timedelta(days=1)
FIRST_RUN, LONGER = "first run", "longer cadence"
STAGES = ("start", "ingest", "load commit", "gate", "dbt", "publish")
COMMIT_SECONDS = 0.04
Say = Callable[[str], None]


@dataclass(frozen=True)
class Founded:
    """Which company: a quarter and some days before the first day under fire, so that every cadence has a period."""

    start: dt.date = dt.date(2026, 5, 1)
    until: dt.date = dt.date(2026, 8, 7)
    scale: float = 0.02


@dataclass
class Kill:
    """One kill: the stage it hit, and what was wrong afterwards."""

    stage: str
    where: str
    torn: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


@dataclass
class Pace:
    """Steps of an undisturbed run in order: when each began and ended, in seconds since the process started."""

    steps: list[tuple[str, float, float]]

    @classmethod
    def of(cls, run: Refresh) -> Pace:
        first = run.ended[0]
        begins = [first[2] - first[1], *(ended for _, _, ended in run.ended)]
        return cls([(label, begin, ended) for begin, (label, _, ended) in zip(begins, run.ended, strict=False)])

    @property
    def total(self) -> float:
        return self.steps[-1][2]

    def after(self, finished: int) -> str:
        """The step that runs once so many have finished."""
        return self.steps[finished][0] if finished < len(self.steps) else "end"


class Fire:
    """The twin and the victim of one company, and the kills so far."""

    def __init__(self, folder: Path, company: Company, founded: Founded, draw: random.Random, say: Say) -> None:
        self._company, self._start, self.draw, self._say = company, founded.start, draw, say
        self.twin, self.victim = folder / "twin", folder / "victim"
        self._environments = {
            home: {**home_environment(home), **company.env, "KPILOTE_START_DATE": founded.start.isoformat()}
            for home in (self.twin, self.victim)
        }
        self.kills: list[Kill] = []
        self.pace: Pace
        self.day = founded.until - DAY

    def environment(self, home: Path) -> dict[str, str]:
        """The settings of a home."""
        return self._environments[home]

    def found(self, kills: int) -> None:
        """The first refresh of both homes, the victim's under fire; then the longer cadences, which need no fire."""
        pace = Pace.of(self._undisturbed(self.twin, "daily", self._start))
        fallen = [self._kill_first(pace) for _ in range(kills)]
        self._recover("daily", fallen, self._start)
        for cadence in ("weekly", "monthly", "quarterly"):
            for home in (self.twin, self.victim):
                self._undisturbed(home, cadence, self._start)
        self._compare(fallen)

    def next_day(self, kills: int, stages: Iterator[str]) -> None:
        """A day older: the twin refreshes once, the victim's refreshes are killed in turn, then one may end."""
        self.day += DAY
        self._company.advance(self.day + DAY)
        self.pace = Pace.of(self._undisturbed(self.twin, "daily", self.day))
        fallen = [self._kill_in(next(stages)) for _ in range(kills)]
        self._recover("daily", fallen, self.day)
        self._compare(fallen)
        if (self.day + DAY).weekday() == 0:
            self._longer("weekly")
        if (self.day + DAY).day == 1:
            self._longer("monthly")

    def _longer(self, cadence: str) -> None:
        """A longer cadence killed, a daily refresh, then its own again: neither may stand in the other's way."""
        pace = Pace.of(self._undisturbed(self.twin, cadence, self.day))
        run = refresh(self._environments[self.victim], cadence, self.day, self.day)
        time.sleep(pace.total * self.draw.uniform(0.3, 1.0))
        fallen = [self._fallen(run, LONGER, pace)]
        self._recover("daily", fallen, self.day)
        self._recover(cadence, fallen, self.day)
        self._compare(fallen)

    def _undisturbed(self, home: Path, cadence: str, first: dt.date) -> Refresh:
        run = refresh(self._environments[home], cadence, first, self.day)
        if run.wait():
            raise RuntimeError(f"an undisturbed {cadence} refresh failed: {run.said}")
        return run

    def _kill_first(self, pace: Pace) -> Kill:
        run = refresh(self._environments[self.victim], "daily", self._start, self.day)
        time.sleep(pace.total * self.draw.random())
        return self._fallen(run, FIRST_RUN, pace)

    def _kill_in(self, stage: str) -> Kill:
        """Kill a refresh of the day somewhere in a stage."""
        run = refresh(self._environments[self.victim], "daily", self.day, self.day)
        wanted = "ingest" if stage == "load commit" else stage
        if stage == "start":
            time.sleep(self.pace.steps[0][1] * self.draw.random())
        else:
            chosen = self.draw.choice([each for each in range(len(self.pace.steps)) if self._is(each, wanted)])
            while len(run.ended) < chosen and run.process.poll() is None:
                time.sleep(0.01)
            label, began, ended = self.pace.steps[chosen]
            if stage == "load commit":
                self._wait_for_commit(run, label.partition(": ")[2], chosen)
            else:
                # The first step has no line before it.
                time.sleep((began if chosen == 0 else 0) + (ended - began) * self.draw.random())
        return self._fallen(run, stage, self.pace)

    def _is(self, step: int, stage: str) -> bool:
        return stage_of(self.pace.steps[step][0]) == stage

    def _wait_for_commit(self, run: Refresh, source: str, step: int) -> None:
        """Until files of a load begin to appear in the source's folders of the lake, and a moment more."""
        folders = [each for each in (self.victim / "lake" / source).iterdir() if each.is_dir()]
        before = [each.stat().st_mtime_ns for each in folders]
        while len(run.ended) <= step and [each.stat().st_mtime_ns for each in folders] == before:
            time.sleep(0.001)
        time.sleep(COMMIT_SECONDS * self.draw.random())

    def _fallen(self, run: Refresh, stage: str, pace: Pace) -> Kill:
        """Kill it now and look at what readers see; which stage was hit is told by what had ended."""
        ran = run.kill()
        where = pace.after(len(run.ended)) if ran else "end"
        if stage in STAGES and stage != "start":
            stage = "end" if where == "end" else stage_of(where)
            if stage == "ingest" and uncommitted(self.victim):
                stage = "load commit"
        kill = Kill(stage, where, torn=damage(self.victim))
        if not ran and run.process.returncode:
            kill.lost.append(f"it failed by itself: {run.said}")
        self.kills.append(kill)
        self._say(f"{len(self.kills):>4}  {self.day}  killed in {kill.stage} ({where})" + _told(kill))
        return kill

    def _recover(self, cadence: str, fallen: list[Kill], first: dt.date) -> None:
        """The next refresh, with no manual step before it."""
        run = refresh(self._environments[self.victim], cadence, first, self.day)
        if run.wait():
            for kill in fallen:
                kill.lost.append(f"the next {cadence} refresh failed: {run.said}")

    def _compare(self, fallen: list[Kill]) -> None:
        """Every mart against the twin's, and the release against its own hashes."""
        mine, theirs = contents(self.victim), contents(self.twin)
        differ = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
        problems = release.verify(Places(self.victim))
        for kill in fallen:
            kill.lost += [f"{name} differs from the twin's" for name in differ]
            kill.torn += problems
        verdict = "as the twin" if not differ and not problems else f"DIFFERENT: {differ} {problems}"
        self._say(f"      {self.day}  recovered: {verdict}" + "".join(_told(kill) for kill in fallen if kill.lost))


def _told(kill: Kill) -> str:
    return "".join(f"\n      ! {each}" for each in (*kill.lost, *kill.torn))


@contextmanager
def fire(folder: Path, seed: int, say: Say, founded: Founded = Founded()) -> Iterator[Fire]:
    """A small company in its own process, and two homes, `twin` and `victim`, that read it."""
    with serving(folder / "company", founded.start, founded.scale, founded.until) as company:
        yield Fire(folder, company, founded, random.Random(seed), say)
