"""Every request a connector can make: declared, made during the tests, and one the vendor's OpenAPI file lets pass."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from sandbox.middleware import Logged
from sandbox.vendors import VENDORS
from tests.requests import openapi
from tests.requests.capture import API_SOURCES, Capture, captured
from tests.requests.endpoints import ELSEWHERE, ENDPOINTS, endpoint_of, path_of, said_in
from tests.requests.openapi import Document, Operation
from tests.requests.paths import is_covered, paths_in_code

Documents = tuple[Document, ...]
# Sources whose vendor publishes an OpenAPI file, or of which there is one.
SPECIFIED = tuple(source for source in API_SOURCES if source in openapi.PUBLISHED or openapi.files(source))
# Answers per endpoint that are asked for again and judged.
SAMPLE = 20
# A record of an earlier pull may have been deleted since.
GONE = 404
# Headers that say nothing of who asks.
TRANSPORT = ("accept", "content-type", "host", "revision")
# What a vendor's file does not know of its own API: what it says is wrong with right answers.
UNKNOWN_TO_FILES: Mapping[str, tuple[str, ...]] = {
    # Of a batch read in which some ids were not found.
    "hubspot": (r"status 207 is not declared",),
    # Members without a value are null whatever the file says; the others are in Pipedrive's own examples.
    "pipedrive": (
        r"None is not of type '\w+'",
        r"\('archive_time', 'creator_user_id', 'local_close_date'(, 'participants_count')? were unexpected\)",
        r"Fields: data\[\d+\]: .*\('description' was unexpected\)",
    ),
    # The ends of a list.
    "klaviyo": (r"links\.(next|prev): None is not of type 'string'",),
}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Capture]:
    with captured(tmp_path_factory.mktemp("capture")) as found:
        yield found


@pytest.fixture(scope="module")
def http(capture: Capture) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=capture.company.base_url, timeout=30) as client:
        yield client


@pytest.fixture
def documents(source: str) -> Documents:
    """The OpenAPI files of a source; the test is skipped where nobody saved any."""
    found = openapi.documents(source)
    if not found:
        pytest.skip(openapi.how(source))
    return found


def operation_of(documents: Documents, source: str, request: Logged) -> Operation | None:
    return openapi.operation(documents, request.method, path_of(source, request))


def by_endpoint(capture: Capture, source: str) -> dict[str, list[Logged]]:
    """Captured requests of each declared endpoint of the vendor's own API."""
    found: dict[str, list[Logged]] = defaultdict(list)
    for request in capture.of(source):
        name = endpoint_of(source, request)
        if name is not None and name not in ELSEWHERE.get(source, ()):
            found[name].append(request)
    return found


def test_every_source_is_served_and_declared() -> None:
    assert set(API_SOURCES) <= set(VENDORS)
    missing = set(API_SOURCES) - set(ENDPOINTS)
    assert not missing, f"declare what they ask in tests/requests/endpoints.py: {', '.join(missing)}"


@pytest.mark.parametrize("source", API_SOURCES)
def test_every_endpoint_was_asked_all_that_it_is_ever_asked(source: str, capture: Capture) -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    for request in capture.of(source):
        asked[endpoint_of(source, request) or f"{request.method} {request.path}"] |= said_in(request)
        assert request.status < 300, f"{request.method} {request.path} was refused with {request.status}"
    assert asked == {name: set(says.split()) for name, says in ENDPOINTS[source].items()}


@pytest.mark.parametrize("source", API_SOURCES)
def test_the_code_spells_no_other_path(source: str) -> None:
    paths = set(paths_in_code(source))
    assert paths, "no path was found in the connector's code"
    undeclared = sorted(path for path in paths if not is_covered(source, path))
    assert not undeclared, f"declare their endpoints in tests/requests/endpoints.py: {', '.join(undeclared)}"


def test_a_path_nobody_declared_is_noticed() -> None:
    assert is_covered("mailchimp", "/reports/{}/{}")
    assert not is_covered("mailchimp", "/reports/{}/{}/members")
    assert not is_covered("mailchimp", "/ping")
    assert not is_covered("hubspot", "/crm/objects/{}/{}/batch/archive")
    assert not is_covered("ga4", "{}:batchRunReports")


@pytest.mark.parametrize("source", SPECIFIED)
def test_every_request_is_one_the_vendors_file_lets_pass(source: str, capture: Capture, documents: Documents) -> None:
    faults: Counter[str] = Counter()
    for request in (request for found in by_endpoint(capture, source).values() for request in found):
        operation = operation_of(documents, source, request)
        if operation is None:
            faults[f"no operation {request.method} {path_of(source, request)}"] += 1
        else:
            faults.update(f"{operation.name}: {each}" for each in operation.faults(request))
    assert not faults


@pytest.mark.parametrize("source", SPECIFIED)
def test_the_sandbox_answers_as_the_vendors_file_says(
    source: str, capture: Capture, documents: Documents, http: httpx.Client
) -> None:
    """A sample of the requests once more; nothing may be missing, of another type, or unknown to the vendor."""
    faults: Counter[str] = Counter()
    for name, found in by_endpoint(capture, source).items():
        sample = found[:: max(1, len(found) // SAMPLE)]
        answers = [(each, answer) for each in sample if (answer := asked_again(http, each)).status_code != GONE]
        assert answers, f"nothing of {name} is there any more"
        for request, answer in answers:
            operation = operation_of(documents, source, request)
            assert operation is not None
            media_type = answer.headers["content-type"].partition(";")[0]
            said = operation.answer_faults(request, answer.status_code, media_type, answer.json())
            faults.update(f"{operation.name}: {each}" for each in said)
    known = UNKNOWN_TO_FILES.get(source, ())
    assert not [name for name in faults if not any(re.search(each, name) for each in known)]
    for each in known:
        assert any(re.search(each, name) for name in faults), f"known, and no longer so: {each}"


def asked_again(http: httpx.Client, request: Logged) -> httpx.Response:
    own = {"host", "content-length", "accept-encoding", "connection"}
    headers = {name: value for name, value in request.headers.items() if name not in own}
    url = f"{request.path.partition('?')[0]}?{request.query}".rstrip("?")
    return http.request(request.method, url, headers=headers, content=request.body)


# A captured request made wrong.
Spoil = Callable[[Logged], Logged]


def query(**changes: str | None) -> Spoil:
    """Query parameters set, or taken away."""

    def spoil(request: Logged) -> Logged:
        said = [each for each in parse_qsl(request.query, keep_blank_values=True) if each[0] not in changes]
        said += [(name, value) for name, value in changes.items() if value is not None]
        return replace(request, query=urlencode(said))

    return spoil


def header(name: str, value: str | None) -> Spoil:
    def spoil(request: Logged) -> Logged:
        kept = {each: said for each, said in request.headers.items() if each != name}
        return replace(request, headers=kept if value is None else {**kept, name: value})

    return spoil


def body(change: Callable[[Any], object]) -> Spoil:
    """The body after a change in place."""

    def spoil(request: Logged) -> Logged:
        content = json.loads(request.body)
        change(content)
        return replace(request, body=json.dumps(content).encode())

    return spoil


SEARCH = "POST /crm/objects/{version}/{objectType}/search"
OWNERS = "GET /crm/owners/{version}"
REPORT = "POST /v1beta/properties/{property}:runReport"
ACTIVITY = "GET /3.0/reports/{campaign}/email-activity"
EXPORT = "POST /v3/emailCampaigns/{campaign}/exportRecipients"
EVENTS = "GET /api/events"
LIKE = {"filters": [{"propertyName": "amount", "operator": "LIKE"}]}
SPOILS: tuple[tuple[str, str, Spoil, str], ...] = (
    ("hubspot", SEARCH, body(lambda said: said.pop("sorts")), "body 'sorts' is a required property"),
    ("hubspot", SEARCH, body(lambda said: said.update(limits=10)), "'limits' was unexpected"),
    ("hubspot", SEARCH, body(lambda said: said.update(limit="10")), "body limit: '10' is not of type 'integer'"),
    ("hubspot", SEARCH, body(lambda said: said.update(filterGroups=[LIKE])), "operator: 'LIKE' is not one of"),
    ("hubspot", SEARCH, header("content-type", "text/plain"), "the body is text/plain, not application/json"),
    ("hubspot", OWNERS, query(archived="1"), "archived: '1' is not of type 'boolean'"),
    ("pipedrive", "GET /api/v2/deals", query(status="rotten"), "status: 'rotten' is not one of"),
    ("pipedrive", "GET /api/v2/persons", query(updated_after="2026-01-01"), "updated_after is not declared"),
    ("pipedrive", "GET /v1/leads", query(start="first"), "start: 'first' is not of type 'integer'"),
    ("ga4", REPORT, body(lambda said: said.update(dimension=[])), "'dimension' was unexpected"),
    ("ga4", REPORT, body(lambda said: said.update(limit=10)), "body limit: 10 is not of type 'string'"),
    ("mailchimp", ACTIVITY, query(count="1001"), "count: 1001 is greater than the maximum of 1000"),
    ("mailchimp", ACTIVITY, query(fields="emails.colour"), "fields: answers have no emails.colour"),
    ("mailchimp", "GET /3.0/lists/{list}/members", query(status="gone"), "status: 'gone' is not one of"),
    ("mailchimp", "GET /3.0/campaigns", query(since_send_time="1 June"), "'1 June' is not a 'date-time'"),
    ("brevo", "GET /v3/contacts", query(limit="1001"), "limit: 1001 is greater than the maximum of 1000"),
    ("brevo", "GET /v3/contacts", query(sort="up"), "sort: 'up' is not one of"),
    ("brevo", EXPORT, body(lambda said: said.clear()), "body 'recipientsType' is a required property"),
    ("brevo", EXPORT, body(lambda said: said.update(recipientsType="all of them")), "'all of them' is not one of"),
    ("klaviyo", EVENTS, query(**{"page[size]": "1001"}), "page[size]: 1001 is greater than the maximum of 1000"),
    ("klaviyo", EVENTS, query(**{"fields[profile]": "colour"}), "fields[profile]: [0]: 'colour' is not one of"),
    ("klaviyo", EVENTS, query(filter="any(metric_id,['X'])"), "metric_id has no any with list value"),
    ("klaviyo", "GET /api/campaigns", query(filter=None), "query parameter filter is required"),
    ("klaviyo", "GET /api/lists", header("revision", None), "header revision is required"),
    ("klaviyo", "GET /api/lists", header("revision", "2020-01-01"), "header revision is '2020-01-01'"),
)


@pytest.mark.parametrize(("source", "endpoint", "spoil", "fault"), SPOILS, ids=[each[-1] for each in SPOILS])
def test_a_spoilt_request_is_named(
    source: str, endpoint: str, spoil: Spoil, fault: str, capture: Capture, documents: Documents
) -> None:
    request = by_endpoint(capture, source)[endpoint][0]
    operation = operation_of(documents, source, request)
    assert operation is not None
    assert operation.faults(request) == []
    (found,) = operation.faults(spoil(request))
    assert fault in found


@pytest.mark.parametrize("source", SPECIFIED)
def test_no_endpoint_takes_what_is_wrong_everywhere(source: str, capture: Capture, documents: Documents) -> None:
    for found in by_endpoint(capture, source).values():
        request = found[0]
        operation = operation_of(documents, source, request)
        assert operation is not None
        assert operation.faults(query(colour="red")(request)) == ["query parameter colour is not declared"]
        bare = replace(request, headers={name: said for name, said in request.headers.items() if name in TRANSPORT})
        assert any(each.startswith("no credentials") for each in operation.faults(bare)), operation.name
        assert operation_of(documents, source, replace(request, method="PUT")) is None
        assert operation_of(documents, source, replace(request, path=f"{request.path}/of/no/such/colour")) is None
