-- A digest of every day of every fact that carries a KPI: how a run knows which periods a change made stale.
{{ kpi_fact_days() }}
