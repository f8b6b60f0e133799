"""Gate unified."""
from expectations.model import Suite
from ingestion.settings import Settings

def suites(settings: Settings) -> tuple[Suite, ...]:
    return ()
