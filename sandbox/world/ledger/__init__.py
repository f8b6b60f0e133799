"""The truth about every KPI, told by somebody who knows the company and nothing of lake, SQL or metric YAML.

Flow: `Snapshot` → `observe` (what the vendors expose, who is who) → one module per family of facts (`web`, `email`,
`leads`, `sales`, `recurring`, `spend`) → `kpis` (definitions) and `attribution` → `Ledger`. Plain pandas and numpy; the
code shares no line and no rule file with the project it judges, so a wrong definition shows on one side only.
"""

from sandbox.world.ledger.book import Ledger
from sandbox.world.ledger.rules import Rules

__all__ = ["Ledger", "Rules"]
