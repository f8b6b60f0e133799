{{ kpi_values('year') }}
