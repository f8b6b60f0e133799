"""An erasure killed at any change of the disk is finished by the next, and readers never see half of anything."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion.privacy import Hasher
from serving import release
from tests.conftest import IS_NIGHTLY
from tests.dbt_project.warehouse import Warehouse
from tests.orchestration.erasure_driver import ADDRESS, BROWSER, CONTACT, KEY
from tests.serving import warehouse as served

ROOT = Path(__file__).resolve().parents[2]
DAY = dt.date(2026, 3, 1)
# The profile `nightly` tries every one of some 190 changes; by default one in forty.
STEP = "1" if IS_NIGHTLY else "40"


def small_home(home: Path) -> None:
    """Two people in a lake of three loads, marts that name them, two releases, and a log with an identifier in it."""
    hasher = Hasher(KEY)
    email = hasher.email(ADDRESS)
    other = hasher.email("bob@acme.example")
    at = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
    lake = Warehouse(home)
    contacts = [
        {"contact_id": CONTACT, "email_hash": email, "email_domain": "acme.example", "ga_client_id": BROWSER,
         "merged_ids": ["1508900009"], "archived": False, "created_at": at, "updated_at": at},
        {"contact_id": "c2", "email_hash": other, "archived": False, "created_at": at, "updated_at": at},
    ]  # fmt: skip
    link = {"from_type": "deal", "from_id": "d1", "to_type": "contact", "to_ids": [CONTACT, "c2"], "read_at": at}
    deal = {"deal_id": "d1", "name": "Ann buys", "archived": False, "updated_at": at}
    event = {
        "event_date": DAY,
        "event_timestamp": at,
        "event_name": "page_view",
        "client_id": BROWSER,
        "event_ordinal": 0,
    }
    send = {"send_day": DAY, "campaign_id": "m1", "email_hash": email, "status": "sent"}
    member = {
        "member_id": hasher.identifier(hashlib.md5(ADDRESS.encode()).hexdigest()),
        "list_id": "l",
        "email_hash": email,
    }
    days = [(DAY, DAY + dt.timedelta(days=1))]
    hubspot = {"contacts": contacts, "associations": [link], "deals": [deal]}
    lake.load("1.5", "hubspot", hubspot, dict.fromkeys(hubspot, days))
    lake.load("1.5", "ga4", {"events": [event, {**event, "client_id": "browser.78"}]}, {"events": days})
    lake.load("1.5", "mailchimp", {"sends": [send], "members": [member]}, {"sends": days, "members": days})
    places = served.Places(home)
    served.build(places.warehouse_path)
    for name in ("Ann", "Anne"):
        with duckdb.connect(str(places.warehouse_path)) as db:
            db.execute(f"create or replace table staging.stg_contacts as select '{CONTACT}' as contact_id")
            db.execute(
                """
                create or replace table marts.dim_people as
                select person_id, email_hash, 'session:' || browser || '.5' as touch_id,
                    'lead:' || person_id as conversion_id, name
                from (values ($1, $2, $3, $4), ('c2', $5, 'browser.78', 'Bob')) as people (
                    person_id, email_hash, browser, name
                )
                """,
                [f"hubspot:{CONTACT}", email, BROWSER, name, other],
            )
        release.publish(places, served.GATES)
    log = home / "logs" / "kpilote.log"
    log.parent.mkdir()
    log.write_text(f"constraint failed on {email}\n")


@pytest.mark.slow
def test_killed_at_any_change_of_the_disk_it_is_finished_later(tmp_path: Path) -> None:
    small_home(tmp_path / "home")
    command = [
        sys.executable,
        str(ROOT / "tests" / "orchestration" / "erasure_driver.py"),
        str(tmp_path / "home"),
        STEP,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    *crashes, last = lines
    assert len(crashes) * int(STEP) > 100, "fewer changes of the disk than an erasure makes: is each counted?"
    assert all(line["crashed"] for line in crashes)
    assert not last["crashed"]
    assert not last["failed"]
    whole = last["after"]
    assert whole["marts"] == [
        ["hubspot:erased", "erased", "session:erased.5", "lead:hubspot:erased", "Anne"],
        ["c2", Hasher(KEY).email("bob@acme.example"), "session:browser.78.5", "lead:c2", "Bob"],
    ]
    assert whole["traces"] == {}
    assert whole["problems"] == whole["left"] == []
    assert whole["erasures"] == 1
    assert len(whole["releases"]) == 2
    for line in lines:
        assert line["after"] == whole, line["point"]
        assert line["seen"] == last["seen"], line["point"]
