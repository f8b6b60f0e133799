"""The gates: what must be true of the lake, of the unified entities and of the marts before anything downstream runs.

`raw.py`, `unified.py` and `marts.py` hold the suites as data; `gate.py` runs them. Nothing here imports Dagster.
"""

import os

# Great Expectations decides about telemetry while it is imported, and that happens further in, when a gate runs.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
