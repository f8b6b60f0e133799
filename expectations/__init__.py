"""The gates: what must be true of the lake, of the unified entities and of the marts before anything downstream runs.

`raw.py`, `unified.py` and `marts.py` hold the suites as data; `gate.py` runs them. Nothing here imports Dagster.
"""
