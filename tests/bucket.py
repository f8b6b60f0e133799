"""A real S3 over HTTP of the tests' own, with one empty bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from moto.server import ThreadedMotoServer

from ingestion.filesystems import located

URL = "s3://lake"


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The variables by which every AWS client finds it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        variables = {
            "AWS_ACCESS_KEY_ID": "kpilote", "AWS_SECRET_ACCESS_KEY": "kpilote", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }  # fmt: skip
        with mock.patch.dict(os.environ, variables):
            filesystem, bucket = located(URL)
            filesystem.mkdir(bucket)
        yield variables
    finally:
        server.stop()
