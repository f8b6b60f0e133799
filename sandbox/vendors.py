"""Every vendor the sandbox serves. One more is one more entry here."""

from __future__ import annotations

from sandbox.apis import ga4, hubspot, mailchimp, pipedrive
from sandbox.apis.vendor import Vendor

VENDORS: dict[str, Vendor] = {
    each.name: each for each in (hubspot.VENDOR, ga4.VENDOR, mailchimp.VENDOR, pipedrive.VENDOR)
}


def vendor_of(path: str) -> Vendor:
    """The vendor whose path it is; HubSpot's manners where it is nobody's."""
    return VENDORS.get(path.strip("/").partition("/")[0], hubspot.VENDOR)
