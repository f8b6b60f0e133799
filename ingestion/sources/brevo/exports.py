"""Brevo's exports of recipients: `POST …/exportRecipients → GET /processes until completed → CSV → addresses`.

Brevo documents the kinds and the process, not the file. So of the file as little as possible is relied on: a heading in
which one column is that of addresses, and rows as long as the heading. Addresses leave this module only towards the
connector's converters. Exports belong to the family of a hundred calls an hour: they are started together, and one
listing of the newest processes asks after all of them.
"""

import csv
import io
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ingestion.http import PAGE_ATTEMPTS, Json
from ingestion.pacing import batches, concurrently
from ingestion.sources.brevo.api import WORKERS, Brevo

# (campaign id, recipientsType)
Wanted = tuple[str, str]
PROCESSES = 50
MOST_PAGES = 3
STARTS = 3
LONGEST_POLL_SECONDS = 60.0
DELIMITERS = ";,\t"
ADDRESS_COLUMNS = {"email", "emailid", "emailaddress"}


def fetch(brevo: Brevo, wanted: Sequence[tuple[Wanted, int | None]]) -> dict[Wanted, list[str]]:
    """Addresses of each export; with it comes the number Brevo's totals let expect, None where they say nothing."""
    found: dict[Wanted, list[str]] = {}
    holding = Counter[int]()  # how many exports hold the very same addresses
    # Together as many as one page of processes shows, with a few of other users beside them.
    for group in batches(wanted, PROCESSES - 5):
        processes = _started(brevo, [each for each, _ in group])
        urls = _finished(brevo, set(processes))
        tasks = {each: (expected, urls[number]) for (each, expected), number in zip(group, processes, strict=True)}
        files = _read(brevo, tasks, dict.fromkeys(tasks))
        holding.update(map(_content, files.values()))
        # A file does not say whose it is: of the length that was expected, it may be the other's.
        alike = {each: addresses for each, addresses in files.items() if addresses and holding[_content(addresses)] > 1}
        found |= files | _read(brevo, tasks, alike)
    return found


def _content(addresses: Sequence[str]) -> int:
    return hash(tuple(addresses))


def _read(
    brevo: Brevo, tasks: Mapping[Wanted, tuple[int | None, str]], before: Mapping[Wanted, list[str] | None]
) -> dict[Wanted, list[str]]:
    """The addresses of these exports; `before`: what was read of each and is in doubt."""
    files = concurrently(lambda each: _addresses(brevo, each, *tasks[each], before[each]), before, WORKERS)
    return dict(zip(before, files, strict=True))


def _started(brevo: Brevo, wanted: Sequence[Wanted]) -> list[int]:
    """The process of each export. Two of the same number: neither is known to be whose, so both are started again."""

    def start(each: Wanted) -> int:
        campaign, kind = each
        answer = brevo.post(f"/emailCampaigns/{campaign}/exportRecipients", {"recipientsType": kind})
        return int(answer["processId"])

    numbers = [0] * len(wanted)
    places = list(range(len(wanted)))
    for _ in range(STARTS):
        found = concurrently(start, [wanted[place] for place in places], WORKERS)
        for place, number in zip(places, found, strict=True):
            numbers[place] = number
        places = [place for place, number in enumerate(numbers) if numbers.count(number) > 1]
        if not places:
            return numbers
    raise brevo.error(
        f"the same process was told for several exports, {STARTS} times; nothing was loaded, run it again later",
        transient=True,
    )


def _finished(brevo: Brevo, pending: set[int]) -> dict[int, str]:
    """Where each of these processes left its file, once all are completed."""
    settings = brevo.settings
    urls: dict[int, str] = {}
    pause, give_up = settings.poll_seconds, time.monotonic() + settings.export_patience_seconds
    while pending - set(urls):
        if time.monotonic() > give_up:
            raise brevo.error(
                f"{len(pending - set(urls))} exports are not finished after {settings.export_patience_seconds:g}"
                " seconds; nothing was loaded, run it again later",
                transient=True,
            )
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_POLL_SECONDS)
        for process in _processes(brevo, pending - set(urls)):
            if process["id"] in pending and process["status"] == "completed" and process.get("export_url"):
                urls[process["id"]] = process["export_url"]
    return urls


def _processes(brevo: Brevo, asked: set[int]) -> Iterator[Json]:
    """The newest processes, until all asked for were seen."""
    unseen = set(asked)
    for page in range(MOST_PAGES):
        answer = brevo.get("others", "/processes", {"limit": PROCESSES, "offset": PROCESSES * page, "sort": "desc"})
        found = answer.get("processes") or []
        yield from found
        unseen -= {each["id"] for each in found}
        if not unseen or len(found) < PROCESSES:
            return


def _addresses(brevo: Brevo, wanted: Wanted, expected: int | None, url: str, before: list[str] | None) -> list[str]:
    """Addresses in a file, which held those of `before`. One that does not hold as many as expected is fetched again:
    contacts deleted since may be missing, so it is believed once it came twice alike; only nobody at all where somebody
    was mailed is never believed.
    """
    campaign, kind = wanted
    what = f"the export of {kind} of campaign {campaign}"
    for attempt in range(PAGE_ATTEMPTS):
        if attempt:
            time.sleep(brevo.settings.backoff_seconds * 2**attempt)
        try:
            found = _parsed(brevo, brevo.downloads.text(url, what), what)
        except (UnicodeDecodeError, csv.Error):
            continue
        lost = kind == "all" and not found and bool(expected)
        if not lost and (expected is None or len(found) == expected or found == before):
            return found
        before = found
    raise brevo.error(
        f"{what} could not be read, {PAGE_ATTEMPTS} times; nothing was loaded, run it again later", transient=True
    )


def _parsed(brevo: Brevo, text: str, what: str) -> list[str]:
    """The addresses of a file, each once; csv.Error where its rows are not as long as its heading."""
    heading_line = text.partition("\n")[0]
    if not heading_line.strip():
        return []
    delimiter = max(DELIMITERS, key=heading_line.count)
    heading, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    column = _column(brevo, heading, what)
    if any(len(row) != len(heading) for row in rows if row):
        raise csv.Error("a row is not as long as the heading")
    return list(dict.fromkeys(row[column].strip() for row in rows if row and row[column].strip()))


def _column(brevo: Brevo, heading: Sequence[str], what: str) -> int:
    """Where the addresses are. The heading is not shown: in a file without one it is somebody's row."""
    wanted = brevo.settings.export_email_column.strip().lower()
    for place, name in enumerate(heading):
        plain = name.strip().lower()
        if plain == wanted if wanted else "".join(filter(str.isalnum, plain)) in ADDRESS_COLUMNS:
            return place
    raise brevo.error(
        f"{what} has no column {wanted or 'EMAIL'}: set SOURCES__BREVO__EXPORT_EMAIL_COLUMN to the one that holds the"
        " addresses"
    )
