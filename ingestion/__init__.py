"""From vendor APIs to the lake: registry of sources and tables, settings, connectors. Imports no orchestrator."""
