"""Brevo's exports: a campaign's recipients of one kind, made in the background, found by their process, fetched as CSV.

Known of Brevo: the kinds, that a process is queued, then at work, then completed with an `export_url`. Assumed, since
its documentation shows no file: semicolons, a heading, one row per recipient with the address under EMAIL and the
contact's attributes beside it, contacts deleted since included. The address of the file is another host's at Brevo:
here too it takes no key, and a key that is sent there is refused. Belongs here: processes and files.
"""

from __future__ import annotations

import csv
import io
import secrets
import threading
from dataclasses import dataclass

import orjson
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis.answers import Answer, Json, sandbox_of, texts
from sandbox.apis.brevo_records import Account
from sandbox.apis.brevo_rules import Query, account_of, bad, refused

KINDS = (
    "all", "nonClickers", "nonOpeners", "clickers", "openers", "softBounces", "hardBounces", "unsubscribed",
)  # fmt: skip
MAX_PROCESSES = 50
HEADING = ("EMAIL", "FIRSTNAME", "LASTNAME", "SMS")
_STATUSES = ("queued", "in_process", "completed")


@dataclass
class Process:
    """One export; every look at it finds it a step further."""

    number: int
    campaign: int
    kind: str
    token: str
    step: int = -1

    def shown(self, base: str) -> Json:
        self.step = min(self.step + 1, len(_STATUSES) - 1)
        told = {"id": self.number, "name": "EXPORT_RECIPIENTS", "status": _STATUSES[self.step]}
        return {**told, "export_url": f"{base}/{self.token}.csv"} if self.step == len(_STATUSES) - 1 else told


class Processes:
    """The exports of one server, oldest first."""

    def __init__(self) -> None:
        self._known: list[Process] = []
        self._lock = threading.Lock()

    def start(self, campaign: int, kind: str) -> Process:
        with self._lock:
            self._known.append(Process(len(self._known) + 1, campaign, kind, secrets.token_hex(16)))
            return self._known[-1]

    def all(self) -> list[Process]:
        return list(self._known)

    def of(self, token: str) -> Process | None:
        return next((each for each in self._known if each.token == token and each.step == len(_STATUSES) - 1), None)


def _base(request: Request) -> str:
    return f"{str(request.url).partition('/v3/')[0]}/exports"


async def export(request: Request) -> Response:
    Query(request)
    number = request.path_params["campaign"]
    try:
        body = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError:
        raise bad("Invalid JSON") from None
    if not isinstance(body, dict) or set(body) - {"recipientsType", "notifyURL"}:
        raise bad("only recipientsType and notifyURL are parameters of this endpoint")
    if "recipientsType" not in body:
        raise bad("recipientsType is missing", "missing_parameter")
    if body["recipientsType"] not in KINDS:
        raise bad(f"recipientsType should be one of {', '.join(KINDS)}")
    if number not in account_of(request).campaign_numbers:
        raise refused(404, "Campaign ID does not exist")
    process = sandbox_of(request).processes.start(number, body["recipientsType"])
    return Answer({"processId": process.number}, status_code=202)


async def processes(request: Request) -> Response:
    query = Query(request, most=MAX_PROCESSES, default=10)
    known = sandbox_of(request).processes.all()
    return Answer({"processes": [each.shown(_base(request)) for each in query.page(known)], "count": len(known)})


async def process(request: Request) -> Response:
    Query(request)
    known = {each.number: each for each in sandbox_of(request).processes.all()}
    found = known.get(request.path_params["process"])
    if found is None:
        raise refused(404, "Process ID does not exist")
    return Answer(found.shown(_base(request)))


async def download(request: Request) -> Response:
    """The file, for whoever has its address."""
    if "api-key" in request.headers:
        raise refused(400, "a key has no business here")
    found = sandbox_of(request).processes.of(request.path_params["token"])
    if found is None:
        return Response("<Error><Code>NoSuchKey</Code></Error>", status_code=404, media_type="application/xml")
    content = _file(account_of(request), found.campaign, found.kind)
    return Response(content, media_type="text/csv")


def _file(account: Account, campaign: int, kind: str) -> str:
    rows = _recipients(account, campaign, kind)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(HEADING)
    for number, email in zip(rows["contact"].tolist(), texts(rows["email"]), strict=True):
        attributes = account.contact_of.get(number, {}).get("attributes", {})
        writer.writerow([email, *(attributes.get(name) or "" for name in HEADING[1:])])
    return text.getvalue()


def _recipients(account: Account, campaign: int, kind: str) -> pd.DataFrame:
    sends, activity, leaves = (each.rows(campaign) for each in account.of_campaign)
    if kind == "all":
        return sends
    if kind in {"hardBounces", "softBounces"}:
        return sends[sends["bounce"] == kind.removesuffix("Bounces")]
    if kind == "unsubscribed":
        return sends[sends["contact"].isin(leaves["contact"])]
    action = "open" if kind in {"openers", "nonOpeners"} else "click"
    did = sends["contact"].isin(activity.loc[activity["action"] == action, "contact"])
    return sends[~did] if kind.startswith("non") else sends[did]
