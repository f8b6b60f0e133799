"""Asset factories, one module per room they call: ingestion, dbt, gates (expectations), serving."""
