"""The imaginary company itself: who visited, bought, paid and left, and the truth about every KPI.

`World(seed, start, scale).snapshot(until)` → `Snapshot` (frames of everything knowable that morning) →
`ledger.Ledger(snapshot)` (what the KPIs must say). How vendors would serve it is no business of this package.
"""

from sandbox.world.snapshot import Snapshot
from sandbox.world.world import World

__all__ = ["Snapshot", "World"]
