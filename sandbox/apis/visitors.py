"""What Matomo calls the browser that GA4 calls by its client id: the CRM whose forms capture one may hold either."""

from __future__ import annotations

import hashlib

DIGITS = 16


def visitor_id(client_id: str) -> str:
    """Matomo's visitor id of a browser: 16 hexadecimal digits, always the same for one client id."""
    return hashlib.sha256(f"matomo {client_id}".encode()).hexdigest()[:DIGITS]
