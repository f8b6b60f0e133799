"""What goes wrong on purpose: plans of failing answers.

Flow: `Fault (path, nth match, times, kind) → middleware → the answer, spoilt`. Belongs here: plans, and how an answer
is spoilt. Does not: HTTP (`middleware`), wrong data (`corrupt`), the vendors' own refusals (`apis`).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import orjson

from sandbox.corrupt import Corruption

Kind = Literal[
    "401", "403", "404", "429", "429_retry_after", "500", "slow", "cut", "malformed", "page_repeated", "empty_page"
]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass
class Fault:
    """From the `nth` request on whose path matches `path` (a regular expression), the next `times` fail in this way; an
    answer that would be the same for it (no page was before it, it has no rows to take) is passed over.

    `seconds` is the wait of "slow" and the Retry-After of "429_retry_after". `page_repeated` gives the body of the
    matching request before; `empty_page` keeps the cursor and takes the rows.
    """

    path: str
    kind: Kind
    nth: int = 1
    times: int = 1
    seconds: float = 1.0
    matched: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}: one of {', '.join(KINDS)}")
        self._pattern = re.compile(self.path)
        self.previous: bytes | None = None

    def fires(self, path: str) -> bool:
        if not self._pattern.search(path):
            return False
        self.matched += 1
        due = self.matched >= self.nth and self.fired < self.times
        self.fired += due
        return due

    def matches(self, path: str) -> bool:
        return self._pattern.search(path) is not None


class Faults:
    """The plans in force. `generation` counts changes of the served data."""

    def __init__(self, faults: Iterable[Fault] = (), corrupt: Iterable[Corruption] = ()) -> None:
        self.plan = list(faults)
        self.corrupt = tuple(corrupt)
        self.generation = 0
        self._lock = threading.Lock()

    @property
    def marks(self) -> frozenset[str]:
        """Quality flags GA4 shall set on its reports."""
        return frozenset(each.kind for each in self.corrupt if each.is_mark)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self.plan.extend(faults)

    def spoil(self, *corrupt: Corruption) -> None:
        """Serves wrong data from the next request on."""
        with self._lock:
            self.corrupt += corrupt
            self.generation += bool(corrupt)

    def clear(self) -> None:
        """Ends all plans."""
        with self._lock:
            self.plan.clear()
            self.generation += bool(self.corrupt)
            self.corrupt = ()

    def due(self, path: str) -> Fault | None:
        """The fault this request meets, counting it against every plan that matches."""
        with self._lock:
            return next(iter([each for each in self.plan if each.fires(path)]), None)

    def remember(self, path: str, body: bytes) -> None:
        for each in self.plan:
            if each.kind == "page_repeated" and each.matches(path):
                each.previous = body


def spoilt(fault: Fault, content: bytes, lists: Iterable[str]) -> bytes:
    """An answer as the fault leaves it; `lists` are the members of the vendor's answers that hold rows."""
    if fault.kind == "malformed":
        return content[: max(1, len(content) * 2 // 3)]
    if fault.kind == "page_repeated":
        return content if fault.previous is None else fault.previous
    if fault.kind == "empty_page":
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError:
            return content.partition(b"\n")[0] + b"\n"  # a file keeps its heading
        if isinstance(answer, list):
            return b"[]"
        for name in lists:
            if name in answer:
                answer[name] = []
        return orjson.dumps(answer)
    return content
