# SPDX-License-Identifier: Apache-2.0
"""serve(corefile, ...): starts a nodens (serving.Server) that ends with the test."""
import pytest

from serving import Server


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(corefile=None, wait=True, **more):
        s = Server(tmp_path / str(len(started)), corefile, **more)
        started.append(s)
        return s.start(wait)

    yield start
    errors = []
    for s in started:
        try:
            s.stop()
        except Exception as e:
            errors.append(e)
    if errors:
        raise errors[0]
