"""Every cell of `kpi_values` computed again by somebody else, and compared (`make verify-kpis`).

`semantic.py` asks MetricFlow, which reads the same YAML through an engine of its own; `truth.py` asks the sandbox's
ledger, which knows neither the YAML nor dbt; `compare.py` holds the rules by which two cells are equal. Nothing here
computes a KPI.
"""
