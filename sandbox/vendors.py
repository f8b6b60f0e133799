"""Every vendor the sandbox serves. One more is one more entry here."""

from __future__ import annotations

from sandbox.apis import brevo, ga4, hubspot, klaviyo, mailchimp, matomo, pipedrive, salesforce
from sandbox.apis.vendor import Vendor

VENDORS: dict[str, Vendor] = {
    each.name: each
    for each in (
        hubspot.VENDOR, salesforce.VENDOR, pipedrive.VENDOR,
        ga4.VENDOR, matomo.VENDOR,
        mailchimp.VENDOR, brevo.VENDOR, klaviyo.VENDOR,
    )
}  # fmt: skip


def crm_of(sources: str) -> Vendor:
    """The first CRM of a list as KPILOTE_SOURCES holds it, whose ids the billing system knows; HubSpot by default."""
    named = (VENDORS[name] for each in sources.split(",") if (name := each.strip()) in VENDORS)
    return next((vendor for vendor in named if vendor.company_id is not None), hubspot.VENDOR)


def vendor_of(path: str) -> Vendor:
    """The vendor whose path it is; HubSpot's manners where it is nobody's."""
    return VENDORS.get(path.strip("/").partition("/")[0], hubspot.VENDOR)
