"""Every endpoint a connector names, with all it says there: query parameters, and members of the body by dots.

One entry per source, held against what was captured, both ways, and against the paths in the connector's code
(`paths.py`). A fixed query (`?method=…`) tells endpoints of one path apart. Belongs here too: how a connector is made
to ask for pages of a few rows. Does not: what a vendor allows (`openapi.py`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import pytest

from ingestion.sources.brevo.api import Listing
from sandbox.middleware import Logged

OBJECTS = "/crm/objects/{version}/{objectType}"
RECIPIENTS = "count offset fields"
DATA = "/services/data/v{version}"
PIPEDRIVE_SAYS = "limit cursor sort_by sort_direction updated_since"
MATOMO = "POST /index.php?method="
MATOMO_SAYS = "module method format token_auth language"
ENDPOINTS: Mapping[str, Mapping[str, str]] = {
    "hubspot": {
        f"GET {OBJECTS}": "limit archived properties after",
        f"POST {OBJECTS}/search": (
            "filterGroups filterGroups.filters.propertyName filterGroups.filters.operator filterGroups.filters.value"
            " sorts properties limit after"
        ),
        f"POST {OBJECTS}/batch/read": "inputs.id properties propertiesWithHistory",
        "POST /crm/associations/{version}/{fromObjectType}/{toObjectType}/batch/read": "inputs.id inputs.after",
        "GET /crm/owners/{version}": "limit archived after",
        "GET /crm/pipelines/{version}/{objectType}": "",
        "GET /crm/properties/{version}/{objectType}": "",
    },
    "salesforce": {
        "POST /services/oauth2/token": "grant_type client_id client_secret assertion",
        f"GET {DATA}/sobjects": "",
        f"GET {DATA}/sobjects/{{object}}/describe": "",
        f"GET {DATA}/query": "q",
        f"GET {DATA}/queryAll": "q",
        f"GET {DATA}/query/{{locator}}": "",
        f"POST {DATA}/jobs/query": "operation query",
        f"GET {DATA}/jobs/query/{{job}}": "",
        f"GET {DATA}/jobs/query/{{job}}/results": "maxRecords locator",
    },
    "pipedrive": {
        "GET /api/v2/persons": f"{PIPEDRIVE_SAYS} custom_fields",
        "GET /api/v2/organizations": f"{PIPEDRIVE_SAYS} custom_fields",
        "GET /api/v2/deals": f"{PIPEDRIVE_SAYS} custom_fields include_fields status ids",
        "GET /api/v2/deals/archived": f"{PIPEDRIVE_SAYS} custom_fields include_fields status ids",
        "GET /api/v2/activities": PIPEDRIVE_SAYS,
        "GET /api/v2/stages": "limit cursor",
        "GET /api/v2/pipelines": "limit",
        "GET /api/v2/personFields": "limit cursor",
        "GET /api/v2/organizationFields": "limit cursor",
        "GET /api/v2/dealFields": "limit cursor",
        "GET /v1/deals/{deal}/changelog": "limit cursor",
        "GET /v1/deals/{deal}/participants": "start limit",
        "GET /v1/leads": "limit sort updated_since start",
        "GET /v1/leads/archived": "limit sort start",
        "GET /v1/users": "",
        "GET /v1/legacyTeams": "",
    },
    "ga4": {
        "POST /v1beta/properties/{property}:runReport": (
            "dateRanges.startDate dateRanges.endDate dimensions.name metrics.name orderBys.dimension.dimensionName"
            " limit offset"
        ),
        "GET /v1beta/properties/{property}/metadata": "",
    },
    "matomo": {
        f"{MATOMO}API.getMatomoVersion": MATOMO_SAYS,
        f"{MATOMO}SitesManager.getSiteFromId": f"{MATOMO_SAYS} idSite",
        f"{MATOMO}Goals.getGoals": f"{MATOMO_SAYS} idSite",
        f"{MATOMO}VisitsSummary.get": f"{MATOMO_SAYS} idSite period date",
        f"{MATOMO}Referrers.getReferrerType": f"{MATOMO_SAYS} idSite period date",
        f"{MATOMO}Live.getLastVisitsDetails": (
            f"{MATOMO_SAYS} idSite period date filter_sort_order filter_offset filter_limit showColumns"
        ),
    },
    "mailchimp": {
        "GET /3.0/lists": "count offset fields sort_field",
        "GET /3.0/lists/{list}/members": "count offset fields sort_field sort_dir since_last_changed status",
        "GET /3.0/campaigns": "count offset fields status sort_field sort_dir since_send_time before_send_time",
        "GET /3.0/reports": "count offset fields since_send_time before_send_time",
        "GET /3.0/reports/{campaign}/sent-to": RECIPIENTS,
        "GET /3.0/reports/{campaign}/email-activity": RECIPIENTS,
        "GET /3.0/reports/{campaign}/unsubscribed": RECIPIENTS,
    },
    "brevo": {
        "GET /v3/contacts": "limit offset sort modifiedSince",
        "GET /v3/contacts/lists": "limit offset sort",
        "GET /v3/contacts/{contact}/campaignStats": "startDate endDate",
        "GET /v3/emailCampaigns": "limit offset sort startDate endDate statistics excludeHtmlContent",
        "GET /v3/emailCampaigns/{campaign}": "statistics",
        "POST /v3/emailCampaigns/{campaign}/exportRecipients": "recipientsType",
        "GET /v3/processes": "limit offset sort",
        "GET /v3/smtp/statistics/events": "limit offset sort startDate endDate",
        "GET /exports/{file}": "",
    },
    "klaviyo": {
        "GET /api/metrics": "page[cursor] fields[metric]",
        "GET /api/lists": "page[size] page[cursor] fields[list] sort",
        "GET /api/campaigns": "page[size] page[cursor] filter include fields[campaign] fields[campaign-message] sort",
        "GET /api/profiles": "page[size] page[cursor] filter fields[profile] additional-fields[profile] sort",
        "GET /api/events": "page[size] page[cursor] filter include fields[event] fields[profile] sort",
    },
}
# Files at addresses that a vendor's answer names: no part of its API.
ELSEWHERE: Mapping[str, frozenset[str]] = {"brevo": frozenset({"GET /exports/{file}"})}


def _short(path: str, member: str, most: int, *rest: Any, **more: Any) -> Listing:
    """A list of Brevo's in pages of a fiftieth; each begins with the last row of the one before."""
    return Listing(path, member, max(2, most // 50), *rest, **more)


# What makes pages small: constants of a connector's modules, or of the sandbox where the vendor decides; settings.
CONSTANTS: Mapping[str, Mapping[str, Any]] = {
    "hubspot": {
        "ingestion.sources.hubspot.api.LIST_PAGE": 5,
        "ingestion.sources.hubspot.api.SEARCH_PAGE": 5,
        "ingestion.sources.hubspot.HISTORY_BATCH": 5,
        "ingestion.sources.hubspot.LINKS_BATCH": 10,
    },
    "salesforce": {"sandbox.apis.salesforce.PAGE": 10},
    "pipedrive": {"ingestion.sources.pipedrive.api.PAGE": 2},
    "ga4": {"ingestion.sources.ga4.reports.PAGE_ROWS": 25},
    "mailchimp": {"ingestion.sources.mailchimp.api.PAGE": 5},
    "brevo": {"ingestion.sources.brevo.rows.Listing": _short},
    "klaviyo": {
        "ingestion.sources.klaviyo.api.PAGE_SIZES": {"campaigns": 2, "events": 20, "lists": 1, "profiles": 20},
        "sandbox.apis.klaviyo_rules.PAGE": 3,
    },
}
SETTINGS: Mapping[str, Mapping[str, str]] = {
    # Objects of more rows come by Bulk jobs.
    "salesforce": {"BULK_ROWS": "100", "BULK_PAGE_SIZE": "30", "POLL_SECONDS": "0.01"},
    # Lists are read whole only when that is due, else from the cursor on.
    "pipedrive": {"RECONCILE_TOKENS": "0"},
    "matomo": {"PAGE_ROWS": "3"},
}


def in_small_pages(source: str, patch: pytest.MonkeyPatch) -> None:
    """Makes a connector read pages of a few rows."""
    for name, value in CONSTANTS.get(source, {}).items():
        patch.setattr(name, value)
    for name, text in SETTINGS.get(source, {}).items():
        patch.setenv(f"SOURCES__{source.upper()}__{name}", text)


def path_of(source: str, request: Logged) -> str:
    """A request's path as the vendor has it: the sandbox serves each vendor under its name."""
    return request.path.partition("?")[0].removeprefix(f"/{source}")


def endpoint_of(source: str, request: Logged) -> str | None:
    """The declared endpoint a request went to."""
    query = parse_qs(request.query, keep_blank_values=True)
    for name in ENDPOINTS.get(source, ()):
        method, pattern, fixed = _parsed(name)
        is_fixed = all(query.get(each) == said for each, said in fixed.items())
        if method == request.method and pattern.fullmatch(path_of(source, request)) and is_fixed:
            return name
    return None


@cache
def _parsed(name: str) -> tuple[str, re.Pattern[str], dict[str, list[str]]]:
    method, _, rest = name.partition(" ")
    template, _, query = rest.partition("?")
    return method, re.compile(_expression(template)), parse_qs(query)


def paths_of(name: str) -> str:
    """A regular expression of the end of an endpoint's paths, as the sandbox logs them and plans faults by them."""
    return f"{_expression(name.partition(' ')[2])}$"


def _expression(template: str) -> str:
    return re.sub(r"\\\{[^}]*\\\}", "[^/:]+", re.escape(template))


def said_in(request: Logged) -> set[str]:
    """Names of the query parameters and, by dots, of the members of the body."""
    names = set(parse_qs(request.query, keep_blank_values=True))
    if "json" in request.headers.get("content-type", ""):
        names.update(_members(json.loads(request.body)))
    else:
        names.update(parse_qs(request.body.decode(), keep_blank_values=True))
    return names


def _members(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _members(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for each in value:
            yield from _members(each, path)
    else:
        yield path
