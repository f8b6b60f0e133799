"""The fault matrix over real HTTP: retried to the right contents, or one clear line and then a rerun that is whole."""

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from ingestion import lake
from ingestion.errors import SourceError
from ingestion.registry import SOURCES
from ingestion.settings import Settings, reload
from sandbox.faults import Fault, Kind
from sandbox.server import Running
from tests.ingestion.conftest import API_SOURCES, END, START
from tests.ingestion.lake_reader import committed, latest
from tests.requests.endpoints import DATA, ENDPOINTS, MATOMO, OBJECTS, in_small_pages, paths_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
PROPERTY = "/v1beta/properties/{property}"
METADATA = f"GET {PROPERTY}/metadata"
LINKS = "POST /crm/associations/{version}/{fromObjectType}/{toObjectType}/batch/read"
PROPERTIES = "GET /crm/properties/{version}/{objectType}"
TOKEN = "POST /services/oauth2/token"
Truth = dict[str, list[tuple[object, ...]]]
TRANSIENT: tuple[Kind, ...] = (
    "429", "429_retry_after", "500", "slow", "cut", "malformed", "page_repeated", "empty_page",
)  # fmt: skip
REFUSED: tuple[Kind, ...] = ("401", "403", "404")
# Tried at two endpoints of each source only, since each costs a second; a refusal ends the pull and is tried at the
# first of them.
COSTLY: Mapping[Kind, float] = {"slow": 1.5, "429_retry_after": 1.0}
SOME = {
    "hubspot": (f"POST {OBJECTS}/search", f"GET {OBJECTS}"),
    "salesforce": (TOKEN, f"GET {DATA}/queryAll"),
    "pipedrive": ("GET /api/v2/activities", "GET /api/v2/persons"),
    "ga4": (METADATA, f"POST {PROPERTY}:runReport"),
    "matomo": (f"{MATOMO}SitesManager.getSiteFromId", f"{MATOMO}Live.getLastVisitsDetails"),
    "mailchimp": ("GET /3.0/lists/{list}/members", "GET /3.0/lists"),
    "brevo": ("GET /v3/contacts", "GET /v3/contacts/lists"),
    "klaviyo": ("GET /api/profiles", "GET /api/events"),
}
# Where a fault cannot be, by kind ("any" for all): endpoints a first pull of this company does not ask; those that
# answer all at once, so that no page is before another; those whose answer holds no list of rows.
NEVER: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "hubspot": {"page_repeated": (PROPERTIES, "GET /crm/pipelines/{version}/{objectType}")},
    "salesforce": {
        "page_repeated": (TOKEN, f"GET {DATA}/sobjects"),
        "empty_page": (TOKEN, f"POST {DATA}/jobs/query", f"GET {DATA}/jobs/query/{{job}}"),
    },
    "pipedrive": {"page_repeated": ("GET /api/v2/pipelines", "GET /v1/users", "GET /v1/legacyTeams")},
    "ga4": {"page_repeated": (METADATA,), "empty_page": (METADATA,)},
    "matomo": {
        # Only the doctor asks for the version.
        "any": (f"{MATOMO}API.getMatomoVersion",),
        "page_repeated": (f"{MATOMO}SitesManager.getSiteFromId", f"{MATOMO}Goals.getGoals"),
        "empty_page": (
            f"{MATOMO}SitesManager.getSiteFromId", f"{MATOMO}VisitsSummary.get", f"{MATOMO}Referrers.getReferrerType",
        ),
    },
    "mailchimp": {"page_repeated": ("GET /3.0/lists",)},
    "brevo": {
        "empty_page": (
            "GET /v3/contacts/{contact}/campaignStats", "GET /v3/emailCampaigns/{campaign}",
            "POST /v3/emailCampaigns/{campaign}/exportRecipients",
        ),
    },
    "klaviyo": {},
}  # fmt: skip
# Paths of an endpoint whose answers do not say what they are of: what is repeated is a page of the same.
ONE_PATH = {
    PROPERTIES: "/crm/properties/[^/]+/deals$",
    LINKS: "/crm/associations/[^/]+/contact/company/batch/read$",
}
# What the line of a refusal names: of the credentials (401), of a permission (403), of a path (404).
MENDS = {
    "hubspot": ("ACCESS_TOKEN", "scope", "API_VERSION"),
    "pipedrive": ("SOURCES__PIPEDRIVE__API_TOKEN", "permission activities:read", "BASE_URL"),
    "ga4": ("SOURCES__GA4__ACCESS_TOKEN", "Viewer", "PROPERTY_ID"),
    "mailchimp": ("SOURCES__MAILCHIMP__API_KEY", "Viewer", "BASE_URL"),
    "matomo": ("SOURCES__MATOMO__API_KEY", "login_allowlist_ip", "SOURCES__MATOMO__BASE_URL"),
    "brevo": ("SOURCES__BREVO__API_KEY", "plan", "BASE_URL"),
    "klaviyo": ("SOURCES__KLAVIYO__API_KEY", "scope", "REVISION"),
    "salesforce": ("SOURCES__SALESFORCE__CLIENT_ID", "API Enabled", "BASE_URL"),
}


def assert_whole(settings: Settings, source: str, truth: Truth) -> None:
    for declared in SOURCES[source].tables.values():
        assert latest(settings, declared) == truth[declared.full_name], declared.full_name


def test_the_documentation_says_at_how_many_endpoints_each_fault_is_tried() -> None:
    """Row by row of the table in docs/reliability.md."""
    document = DOCUMENT.read_text(encoding="utf-8").splitlines()
    heading = [each.replace("_", " ").replace("429 retry after", "429, Retry-After") for each in (*TRANSIENT, *REFUSED)]
    assert f"| source | endpoints | {' | '.join(heading)} |" in document
    for source in API_SOURCES:
        tried = [len(tried_at(source, kind)) for kind in TRANSIENT] + [1] * len(REFUSED)
        assert f"| {source} | {len(ENDPOINTS[source])} | {' | '.join(map(str, tried))} |" in document


def tried_at(source: str, kind: Kind) -> set[str]:
    """The endpoints at which a passing fault is tried."""
    names = SOME[source] if kind in COSTLY else ENDPOINTS[source]
    return set(names) - {*NEVER[source].get("any", ()), *NEVER[source].get(kind, ())}


@pytest.mark.parametrize("kind", TRANSIENT)
@pytest.mark.parametrize("source", API_SOURCES)
def test_a_passing_fault_leaves_no_trace(
    source: str, kind: Kind, fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once at every endpoint the source has, but where it cannot be (NEVER)."""
    # Salesforce is asked for later pages, and for jobs, of large objects only.
    if kind in {"page_repeated", "empty_page"} or source == "salesforce":
        in_small_pages(source, monkeypatch)
    monkeypatch.setenv("SOURCES__MATOMO__PAGE_ROWS", "30")
    # Older campaigns are asked after one by one.
    monkeypatch.setattr("ingestion.sources.brevo.rows.REMEMBERED", dt.timedelta(days=30))
    if kind == "slow":
        monkeypatch.setenv(f"SOURCES__{source.upper()}__TIMEOUT_SECONDS", "1")
    names = SOME[source] if kind in COSTLY else tuple(ENDPOINTS[source])
    plan = {name: Fault(ONE_PATH.get(name, paths_of(name)), kind, seconds=COSTLY.get(kind, 0)) for name in names}
    company.faults.add(*plan.values())
    lake.pull(source, START, END, settings=reload())
    assert {name for name, fault in plan.items() if fault.fired} == tried_at(source, kind)
    assert_whole(fresh, source, truth)


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("source", API_SOURCES)
def test_a_refusal_is_one_line_that_names_the_mend_and_a_rerun_is_whole(
    source: str, kind: Kind, fresh: Settings, company: Running, truth: Truth
) -> None:
    company.faults.add(Fault(paths_of(SOME[source][0]), kind))
    with pytest.raises(SourceError) as caught:
        lake.pull(source, START, END, settings=fresh)
    message = str(caught.value)
    assert message.startswith(f"{source}: ")
    assert MENDS[source][REFUSED.index(kind)] in message
    assert "\n" not in message
    assert not re.search(r"sandbox-[a-z]", message)
    assert committed(fresh, source) == []
    company.faults.plan.clear()
    lake.pull(source, START, END, settings=fresh)
    assert_whole(fresh, source, truth)


@pytest.mark.parametrize(
    ("source", "path", "kind", "said"),
    [
        ("hubspot", "objects/2026-09/contacts$", "500", "failed at the vendor (500), 3 times"),
        ("hubspot", "objects/2026-09/contacts$", "429", "too many requests (429), 3 times"),
        ("hubspot", "objects/2026-09/contacts$", "cut", "cannot be reached"),
        ("hubspot", "objects/2026-09/contacts$", "malformed", "answered what is not JSON, 3 times"),
        ("hubspot", "objects/2026-09/contacts$", "empty_page", "answered an empty page though more follow"),
        ("hubspot", "objects/2026-09/contacts$", "page_repeated", "repeated a page"),
        ("pipedrive", "v2/deals$", "500", "failed at the vendor (500), 3 times"),
        ("pipedrive", "v2/deals$", "429", "too many requests (429), 3 times"),
        ("pipedrive", "v2/deals$", "page_repeated", "deals answered other records than asked for"),
        ("pipedrive", "/changelog$", "page_repeated", "a deal's changelog answered another one's"),
        ("pipedrive", "/participants$", "page_repeated", "answered other records than asked for"),
        ("ga4", ":runReport$", "empty_page", "answered an empty page though"),
        ("ga4", ":runReport$", "page_repeated", "answered other days than asked for"),
        ("mailchimp", "/sent-to$", "empty_page", "answered an empty page though"),
        ("mailchimp", "/sent-to$", "page_repeated", "answered other rows than asked for"),
        ("brevo", "/exportRecipients$", "500", "failed at the vendor (500), 3 times"),
        ("brevo", "/exports/", "malformed", "could not be read, 4 times"),
        ("brevo", "/exports/", "404", "cannot be fetched (404)"),
        ("brevo", "/campaignStats$", "500", "failed at the vendor (500), 3 times"),
        ("matomo", "getLastVisitsDetails$", "empty_page", "answered none of the"),
        ("matomo", "getLastVisitsDetails$", "page_repeated", "answered other days than asked for"),
        ("matomo", "VisitsSummary.get$", "page_repeated", "answered other days than asked for"),
        ("matomo", "getReferrerType$", "500", "failed at the vendor (500), 3 times"),
        ("salesforce", "/queryAll$", "500", "failed at the vendor (500), 3 times"),
        ("salesforce", "/queryAll$", "malformed", "answered what is not JSON, 3 times"),
        ("salesforce", "/queryAll$", "empty_page", "answered 0 of"),
        ("salesforce", "/queryAll$", "page_repeated", "answered other records than asked for"),
    ],
)
def test_a_lasting_fault_fails_the_pull_in_one_line_after_few_attempts(
    source: str, path: str, kind: Kind, said: str, fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SOURCES__{source.upper()}__MAX_ATTEMPTS", "3")
    company.faults.add(Fault(path, kind, nth=2, times=1_000))
    before = len(company.requests)
    with pytest.raises(SourceError, match=re.escape(said)) as caught:
        lake.pull(source, START, END, settings=fresh)
    assert "\n" not in str(caught.value)
    assert len([each for each in company.requests[before:] if re.search(path, each.path)]) < 40
    assert committed(fresh, source) == []


def test_a_fault_in_a_later_pull_loses_nothing(
    fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor moves only with the load: what the failed pull had read is read again."""
    in_small_pages("hubspot", monkeypatch)
    try:
        company.advance(END - dt.timedelta(days=10))
        lake.pull("hubspot", START, END - dt.timedelta(days=10), settings=fresh)
        company.advance(END)
        company.faults.add(Fault("associations/2026-09/meeting", "403"))
        with pytest.raises(SourceError, match="lacks"):
            lake.pull("hubspot", END - dt.timedelta(days=10), END, settings=fresh)
        company.faults.plan.clear()
        repeated = Fault("/deals/search$", "page_repeated", times=3)
        company.faults.add(repeated, Fault("/search$", "500"))
        lake.pull("hubspot", END - dt.timedelta(days=10), END, settings=fresh)
        assert repeated.fired == 3
    finally:
        company.advance(END)
    for name in ("deals", "meetings", "calls", "emails", "owners", "pipeline_stages"):
        assert latest(fresh, SOURCES["hubspot"].tables[name]) == truth[f"hubspot.{name}"], name
