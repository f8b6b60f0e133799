"""Browsers: which client id a session carries, and which one a form captured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import clock
from sandbox.world.draw import Bools, Draw, Ints
from sandbox.world.people import Cast


def browsers_of(plans: pd.DataFrame, draw: Draw) -> tuple[Draw, Ints]:
    """The browser of each session: people have up to two devices, and cookies that some browsers drop after weeks."""
    visitor = Draw(plans["visitor"].to_numpy().view(np.uint64))
    mobile_share = np.where(plans["person"] >= 0, 0.12, visitor.pick("device", (0.7, 0.3)) * 0.94 + 0.02)
    device = np.where(draw.chance("mobile", mobile_share), 1, 0)
    drops = visitor.chance("drops cookies", 0.3)
    keeps = np.where(drops, visitor.integers("keeps", 14, 60), 700)
    generation = (plans["day"].to_numpy() + visitor.integers("phase", 0, 59)) // keeps
    return visitor.child(generation, device), device


def form_clients(cast: Cast, sessions: pd.DataFrame) -> pd.DataFrame:
    """The client id each contact's form captured: that of the consented session with the key event, per contact row."""
    forms = sessions[(sessions["person"] >= 0) & (sessions["event"] >= 0) & sessions["consented"]]
    created = cast.contacts["created"].to_numpy()[forms["person"].to_numpy()]
    near: Bools = (created - forms["at"].to_numpy() < clock.HOUR) & (created > forms["at"].to_numpy())
    captured = forms[near].drop_duplicates("person")[["person", "client_text"]]
    # A few fill in the form on a colleague's computer: contact 1 on that of contact 0, who was there first.
    contacts = cast.contacts
    guest = (contacts["slot"] == 1).to_numpy() & Draw(contacts["key"].to_numpy()).chance("borrows", 0.05)
    rows = np.flatnonzero(guest)
    hosts = captured.set_index("person")["client_text"].reindex(rows - 1)
    later = created_after(contacts, rows)
    borrowed = pd.DataFrame({"person": rows, "client_text": hosts.to_numpy()})[later & hosts.notna().to_numpy()]
    own = captured[~captured["person"].isin(borrowed["person"])]
    return pd.concat([own, borrowed], ignore_index=True)


def created_after(contacts: pd.DataFrame, rows: Ints) -> Bools:
    """Whether each contact was created after the contact in the row before it."""
    created = contacts["created"].to_numpy()
    return np.asarray(created[rows] > created[rows - 1], dtype=np.bool_)
