"""What every imaginary vendor answers with: JSON, or a refusal in that vendor's own error body.

Flow: `handler → Answer`, or `raise RefusalError(status, body)` from any depth. Belongs here: encoding. Does not: what
an error body looks like, which each vendor decides for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from sandbox.state import Sandbox

Json = dict[str, Any]


class Answer(Response):
    """A JSON body."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


class RefusalError(Exception):
    """A request the vendor would refuse, with the body it would say so in."""

    def __init__(
        self, status: int, body: Any, *, headers: Mapping[str, str] | None = None, media_type: str | None = None
    ) -> None:
        super().__init__(f"refused with {status}")
        self.answer = Answer(body, status_code=status, headers=headers, media_type=media_type)


async def refused(_: Request, error: Exception) -> Response:
    """Starlette's handler for RefusalError."""
    if not isinstance(error, RefusalError):
        raise error
    return error.answer


def sandbox_of(request: Request) -> Sandbox:
    sandbox: Sandbox = request.app.state.sandbox
    return sandbox


def texts(values: pd.Series) -> list[str | None]:
    """Column as Python strings, None where empty."""
    return [None if missing else str(value) for value, missing in zip(values, values.isna(), strict=True)]


def instants(values: pd.Series, unit: str = "ms") -> np.ndarray[Any, np.dtype[np.datetime64]]:
    """UTC timestamps as numpy datetimes of the unit; NaT where empty."""
    moments = pd.to_datetime(values, utc=True)
    return moments.dt.tz_localize(None).to_numpy(dtype=f"datetime64[{unit}]")


def iso(moments: np.ndarray[Any, np.dtype[np.datetime64]], suffix: str) -> list[str | None]:
    """ISO 8601 texts with the vendor's way of saying UTC; None where empty."""
    written = np.datetime_as_string(moments).tolist()
    return [None if text == "NaT" else text + suffix for text in written]
