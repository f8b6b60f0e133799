{{ kpi_values('week') }}
