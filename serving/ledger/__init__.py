"""The ledger: what every KPI cell said at each publication, and why it changed.

Flow: newest release + marts about to be published → cells that differ (`cells`) → rows of the facts that differ
(`facts`) → what happened to them in the lake (`origins`) → one row per cell with its cause → `ledger/<release>.parquet`
(`book`), and all of these together as the mart `kpi_ledger` of the release. `explain` reads it back for people.

A cause is found, not guessed: each KPI says which rows of which fact it counts (mart `kpi_inputs`), the rows that
differ between two publications are known, and so is what the lake received about them in between.
"""
