-- Every period of every cadence with the fingerprint of what its KPI cells rest on. kpi_values_<cadence> holds the
-- fingerprint each period was computed from, and computes the others again.
{{ kpi_all_periods() }}
