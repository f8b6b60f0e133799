"""What the doctor finds before a pull does: each permission it needs is tried, cheaply, and named where it is missing.

HubSpot's scopes and Salesforce's permissions are in the files of these sources.
"""

import importlib

import pytest

from ingestion.errors import SourceError
from ingestion.settings import Settings
from sandbox.faults import Fault
from sandbox.server import Running
from tests.requests.endpoints import ENDPOINTS, endpoint_of

# What a check does not ask, since it is allowed with something that it does ask.
IMPLIED = {
    # The permission for deals, and that for leads.
    "pipedrive": {
        "GET /api/v2/deals/archived",
        "GET /api/v2/pipelines",
        "GET /v1/deals/{deal}/participants",
        "GET /v1/leads/archived",
    },
    # The property's.
    "ga4": {"POST /v1beta/properties/{property}:runReport"},
    "matomo": set(),
    # The report's.
    "mailchimp": {f"GET /3.0/reports/{{campaign}}/{each}" for each in ("sent-to", "email-activity", "unsubscribed")},
    # A campaign's own statistics, and exports, which would be made.
    "brevo": {
        "GET /v3/emailCampaigns/{campaign}",
        "POST /v3/emailCampaigns/{campaign}/exportRecipients",
        "GET /exports/{file}",
    },
    "klaviyo": set(),
}
BREVO_OTHERS = ("GET /v3/emailCampaigns", "GET /v3/processes")
# Tokens of the day, calls of which there are a hundred an hour, calls (an empty page of Klaviyo is asked for twice).
COSTS = {"pipedrive": 155, "brevo": 2, "mailchimp": 4, "matomo": 6, "klaviyo": 6, "ga4": 1}
REFUSED = (
    ("pipedrive", "v2/persons$", "lacks the permission contacts:read"),
    ("pipedrive", "v2/organizations$", "lacks the permission contacts:read"),
    ("pipedrive", "v2/deals$", "lacks the permission deals:read"),
    ("pipedrive", "/changelog$", "lacks the permission recents:read"),
    ("pipedrive", "v2/activities$", "lacks the permission activities:read"),
    ("pipedrive", "v1/leads$", "lacks the permission leads:read"),
    ("pipedrive", "v1/users$", "lacks the permission users:read"),
    ("pipedrive", "v1/legacyTeams$", "lacks the permission users:read"),
    ("ga4", "/metadata$", "give the account the role Viewer"),
    ("matomo", "Goals.getGoals$", "the server refuses this machine"),
    ("matomo", "VisitsSummary.get$", "the server refuses this machine"),
    ("matomo", "Referrers.getReferrerType$", "the server refuses this machine"),
    ("matomo", "Live.getLastVisitsDetails$", "the server refuses this machine"),
    ("mailchimp", "/lists$", "an account user with the role Viewer"),
    ("mailchimp", "/members$", "an account user with the role Viewer"),
    ("mailchimp", "/campaigns$", "an account user with the role Viewer"),
    ("mailchimp", "/reports$", "an account user with the role Viewer"),
    ("brevo", "v3/contacts$", "lacks access to contacts"),
    ("brevo", "/lists$", "lacks access to contacts"),
    ("brevo", "/campaignStats$", "lacks access to contacts"),
    ("brevo", "/emailCampaigns$", "lacks access to campaigns and exports"),
    ("brevo", "/processes$", "lacks access to campaigns and exports"),
    ("brevo", "/events$", "lacks access to events of transactional messages"),
    ("klaviyo", "api/metrics$", "metrics:read"),
    ("klaviyo", "api/lists$", "lists:read"),
    ("klaviyo", "api/campaigns$", "campaigns:read"),
    ("klaviyo", "api/profiles$", "profiles:read"),
    ("klaviyo", "api/events$", "events:read"),
)


def check(source: str) -> str:
    said: str = importlib.import_module(f"ingestion.sources.{source}").check()
    return said


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(("source", "path", "said"), REFUSED)
def test_what_a_pull_may_not_read_is_found_and_named(source: str, path: str, said: str, company: Running) -> None:
    company.faults.add(Fault(path, "403", times=1_000))
    with pytest.raises(SourceError, match=said) as caught:
        check(source)
    assert "\n" not in str(caught.value)
    assert "(403)" in str(caught.value)


@pytest.mark.parametrize("source", IMPLIED)
def test_a_check_tries_all_that_a_pull_asks_at_a_known_cost(source: str, fresh: Settings, company: Running) -> None:
    before, tokens = len(company.requests), company.sandbox.counters.pipedrive_day
    left = tokens.remaining()
    check(source)
    asked = [endpoint_of(source, each) for each in company.requests[before:]]
    assert set(ENDPOINTS[source]) - set(asked) == IMPLIED[source]
    scarce = {"pipedrive": left - tokens.remaining(), "brevo": sum(each in BREVO_OTHERS for each in asked)}
    assert scarce.get(source, len(asked)) == COSTS[source]
