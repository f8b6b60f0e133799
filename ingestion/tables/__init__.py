"""What the lake's tables are: one module per source, declarations only. `ingestion/registry.py` collects them."""
