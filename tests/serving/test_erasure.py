"""Surrogates in marts: an identifier is found wherever models put it, and nothing else that looks like it."""

import pyarrow as pa

from serving.erasure import Renaming

RENAMING = Renaming(
    {"order": {"7": "erased-o"}, "client": {"12.34": "erased-c"}, "contact": {"hubspot:7": "hubspot:e"}}
)


def test_orders_and_those_who_placed_them() -> None:
    before = {
        "order_id": ["ga4:7", "matomo:7", "ga4:77", "ga4:@7"],
        "conversion_id": ["order:ga4:7", "order:matomo:7", "lead:hubspot:7", "opportunity:ga4:7"],
        "person_id": ["browser:12.34", "hubspot:7", "browser:112.34", None],
        "client_id": ["12.34", "12.345", None, "7"],
        "touch_id": ["session:12.34.5", "session:112.34.5", "call:7", None],
    }
    after = RENAMING.batch(pa.RecordBatch.from_pydict(before))
    assert after.to_pydict() == {
        "order_id": ["ga4:erased-o", "matomo:erased-o", "ga4:77", "ga4:@7"],
        "conversion_id": ["order:ga4:erased-o", "order:matomo:erased-o", "lead:hubspot:e", "opportunity:ga4:7"],
        "person_id": ["browser:erased-c", "hubspot:e", "browser:112.34", None],
        "client_id": ["erased-c", "12.345", None, "7"],
        "touch_id": ["session:erased-c.5", "session:112.34.5", "call:7", None],
    }
