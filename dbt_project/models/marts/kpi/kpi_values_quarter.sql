{{ kpi_values('quarter') }}
