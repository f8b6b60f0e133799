{{ kpi_values('month') }}
