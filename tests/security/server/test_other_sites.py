"""A page of another site in a person's browser gets nothing from the server, by whatever tag it asks.

The headers are those that Chrome, Firefox and Safari send. No browser takes part: one would have to be installed with
the tests, and what it would show is what the standard says of these headers (W3C, Fetch Metadata Request Headers).
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.e2e.http_server import HttpServer, http_server

DOCUMENT = "/documents/a1b2c3"
TOKEN = "letmein"
BY_TAG = {
    "script": {"Sec-Fetch-Dest": "script", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"},
    "image": {"Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"},
    "frame": {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"},
    "link": {
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-User": "?1",
    },
    "another port": {"Sec-Fetch-Dest": "script", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "same-site"},
    "a value of the future": {"Sec-Fetch-Site": "nearby"},
}
OWN = {
    "typed by a person": {
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "none",
        "Sec-Fetch-User": "?1",
    },
    "a page of the server": {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"},
    "no browser": {},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[HttpServer]:
    """On the loopback, as browsers reach it."""
    with http_server("fake", tmp_path_factory.mktemp("index"), token=TOKEN) as server:
        yield server


@pytest.mark.parametrize("tag", BY_TAG)
@pytest.mark.parametrize("path", [DOCUMENT, "/health", "/metrics", "/openapi.json", "/sse", "/mcp", "/nowhere"])
def test_a_page_of_another_site_is_refused_on_every_route(server: HttpServer, path: str, tag: str) -> None:
    refused = server.get(path, {"Authorization": f"Bearer {TOKEN}", **BY_TAG[tag]})
    assert (refused.status, refused.json) == (403, {"error": "Requests of other web pages are not answered."})


@pytest.mark.parametrize("who", OWN)
def test_a_person_and_a_program_are_answered(server: HttpServer, who: str) -> None:
    answer = server.get(DOCUMENT, {"Authorization": f"Bearer {TOKEN}", **OWN[who]})
    assert answer.status == 200
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
