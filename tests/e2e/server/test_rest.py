"""The REST side of a real process."""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any

import pytest

from qmd_mcp.domain.answers import Answer, Stage
from qmd_mcp.presentation.json_encoding import as_json
from tests.e2e.http_server import PATIENCE, HttpServer, http_server
from tests.fakes import EXCERPT, HIT


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[HttpServer]:
    """One for all."""
    with http_server("fake", tmp_path_factory.mktemp("index"), max_body_bytes=20_000) as server:
        yield server


@pytest.mark.parametrize("mode", ["search", "vsearch", "query"])
def test_a_search_answers_as_its_tool_does(server: HttpServer, mode: str) -> None:
    reply = server.post(f"/{mode}", {"query": "promote", "limit": "1", "collections": "notes"})
    stages = (Stage(name=mode, ran=True, ms=1.5), Stage(name="rerank", ran=False, reason="no model"))
    assert (reply.status, reply.json) == (200, as_json(Answer(query="promote", hits=(HIT,), stages=stages)))


@pytest.mark.parametrize(
    "reference", ["a1b2c3", "%23a1b2c3", "notes/runbooks/postgres.md", "notes%2Frunbooks/postgres.md"]
)
def test_a_document_is_read_by_its_reference(server: HttpServer, reference: str) -> None:
    reply = server.get(f"/documents/{reference}?from_line=9&max_lines=3&line_numbers=false")
    assert (reply.status, reply.json) == (200, as_json(EXCERPT))


@pytest.mark.parametrize(
    ("path", "arguments", "status", "sentence"),
    [
        ("/query", {"query": " "}, 400, "The query is empty. Give at least one word, identifier or quoted phrase."),
        ("/query", {"query": "x" * 4_001}, 400, "The query has 4,001 characters; at most 4,000 are taken. Shorten it."),
        ("/query", {"query": "x" * 9_001}, 400, "query has 9,001 characters; at most 8,192 are taken."),
        (
            "/query",
            {"q": "x"},
            400,
            (
                "query does not take 'q' (use 'query'); it takes query, limit, collections, "
                "tags, after, before, sort, intent, max_tokens, min_relevance, cursor, options."
            ),
        ),
        ("/query", {"query": "x", "limit": 0}, 400, "limit must be a whole number from 1 to 100, not 0."),
        ("/query", {"query": "x", "collections": ["y"]}, 400, "There is no collection 'y'. The index has notes."),
        (
            "/query",
            ["x"],
            400,
            'The body must be a JSON object with the arguments, such as {"query": "how do we fail over?"}.',
        ),
        (
            "/query",
            {"query": "bug"},
            500,
            "query failed because of a fault in the server, which has logged it. Try another call.",
        ),
    ],
)
def test_what_goes_wrong_is_one_sentence_with_its_status(
    server: HttpServer, path: str, arguments: Any, status: int, sentence: str
) -> None:
    reply = server.post(path, arguments)
    assert (reply.status, reply.json) == (status, {"error": sentence})


def test_a_document_that_is_not_there_is_404(server: HttpServer) -> None:
    reply = server.get("/documents/nots/a.md")
    sentence = "No document at 'nots/a.md'. Did you mean notes/runbooks/postgres.md?"
    assert (reply.status, reply.json) == (404, {"error": sentence})


@pytest.mark.parametrize("path", ["/documents/a?lines=3", "/documents/a?document=b", "/documents/a?from_line=0"])
def test_parameters_are_checked_as_arguments_are(server: HttpServer, path: str) -> None:
    assert server.get(path).status == 400


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"query": NaN}', b'{"query": "\\ud800"}', b"[" * 10_000])
def test_a_body_that_is_no_json_is_400(server: HttpServer, body: bytes) -> None:
    reply = server.request("POST", "/search", body=body, headers={"Content-Type": "application/json"})
    assert reply.status == 400


def test_a_body_of_another_type_is_400(server: HttpServer) -> None:
    """So that a form on a web page, which needs no preflight, reaches nothing."""
    reply = server.request("POST", "/search", body=b'{"query": "x"}', headers={"Content-Type": "text/plain"})
    assert (reply.status, reply.json["error"]) == (
        400,
        "Send the arguments as JSON, with Content-Type: application/json.",
    )


@pytest.mark.parametrize("path", ["/search", "/mcp", "/messages/?session_id=0"])
def test_a_body_beyond_the_limit_is_413_on_every_route(server: HttpServer, path: str) -> None:
    reply = server.post(path, {"query": "x" * 20_000})
    assert (reply.status, reply.json) == (413, {"error": "The request is larger than the 20,000 bytes that are taken."})


def test_a_body_that_does_not_say_its_length_is_limited_as_well(server: HttpServer) -> None:
    chunks = (b"x" * 1_000 for _ in range(30))
    reply = server.request("POST", "/search", body=chunks, headers={"Content-Type": "application/json"})
    assert reply.status == 413


def test_a_client_that_sends_on_after_a_refusal_is_not_cut_off(server: HttpServer) -> None:
    chunk = b"3e8\r\n" + b"x" * 1_000 + b"\r\n"
    with socket.create_connection(server.address, timeout=PATIENCE) as client:
        client.sendall(b"POST /search HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.sendall(chunk * 21)
        reader = client.makefile("rb")
        answer = reader.readline()
        while reader.readline() != b"\r\n":
            pass
        refusal = b'{"error": "The request is larger than the 20,000 bytes that are taken."}'
        answer += reader.read(len(refusal))
        for _ in range(9):
            client.sendall(chunk)
        client.sendall(b"0\r\n\r\n")
        assert (answer, reader.read()) == (b"HTTP/1.1 413 Request Entity Too Large\r\n" + refusal, b"")


def test_health_says_that_the_index_is_open(server: HttpServer) -> None:
    server.post("/search", {"query": "x"})
    health = server.get("/health")
    assert (health.status, health.json["status"]) == (200, "open")


def test_metrics_count_calls_stages_errors_and_memory(server: HttpServer) -> None:
    server.post("/search", {"query": "x"})
    server.post("/search", {"query": ""})
    server.post("/search", {"query": "bug"})
    page = server.get("/metrics").text
    for line in (
        'qmd_model_waiting{role="embedder"} 1.0',
        'qmd_model_batch_size{role="embedder"} 3.0',
        'qmd_cache_hits_total{cache="passages"} 7.0',
        'qmd_cache_misses_total{cache="passages"} 3.0',
    ):
        assert line in page
    figures = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert float(figures['qmd_call_seconds_count{tool="search"}']) >= 1
    assert float(figures['qmd_stage_seconds_count{stage="search"}']) >= 1
    assert float(figures['qmd_errors_total{by="caller",tool="search"}']) >= 1
    assert float(figures['qmd_errors_total{by="bug",tool="search"}']) >= 1
    assert float(figures["qmd_resident_bytes"]) > 10_000_000
    assert figures["qmd_requests_in_progress"] == "1.0"


def test_the_description_names_every_route_and_resolves(server: HttpServer) -> None:
    description = server.get("/openapi.json").json
    assert list(description["paths"]) == [
        "/search",
        "/vsearch",
        "/query",
        "/documents/{reference}",
        "/health",
        "/metrics",
    ]
    schemas = description["components"]["schemas"]
    assert set(_references(description)) <= {f"#/components/schemas/{name}" for name in schemas}
    assert list(schemas["Answer"]["properties"]) == [
        "query",
        "hits",
        "verdict",
        "stages",
        "notes",
        "omitted",
        "cursor",
        "lines",
    ]


def _references(node: Any) -> Generator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    for inner in node if isinstance(node, list) else ():
        yield from _references(inner)
