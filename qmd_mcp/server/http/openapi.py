"""The REST side described in OpenAPI, for generators of clients."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from qmd_mcp import __version__
from qmd_mcp.application.tool_calls import TOOLS, Tool
from qmd_mcp.domain.answers import Answer, Excerpt
from qmd_mcp.server.http.rest import MODES, READING_DEFAULTS
from qmd_mcp.server.mcp.tool_schema import input_schema

_REASONS = {
    400: "An argument does not fit; the sentence says which one and what it takes.",
    401: "The token is missing or wrong.",
    403: "Requests from this Origin are not answered.",
    404: "There is no such document, or it cannot be read now.",
    413: "The request has too many bytes.",
    421: "The server does not answer to this Host.",
    500: "A fault in the server, which it has logged.",
    503: "Too many requests are in progress, or the operator must change something first.",
}

_REFERENCE = "docid (a1b2c3), path or its end, qmd:// URI, name or alias; :from:count or %23Heading may follow"


def describe(*, token: bool) -> dict[str, Any]:
    """Describe the routes in OpenAPI 3.1, with the tools' own schemas; `token` says whether they need one."""
    _, values = TypeAdapter.json_schemas(
        [(kind, "serialization", TypeAdapter[Any](kind)) for kind in (Answer, Excerpt)],
        ref_template="#/components/schemas/{model}",
    )
    failure = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    security: dict[str, Any] = {"security": [{"token": []}]} if token else {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "qmd-mcp",
            "version": __version__,
            "description": "Local search: ranked, citable passages of one index. The same tools speak MCP at /mcp.",
        },
        "paths": {
            **{f"/{mode}": {"post": _searching(TOOLS[mode]) | security} for mode in MODES},
            "/documents/{reference}": {"get": _reading(TOOLS["get_document"]) | security},
            "/health": {"get": _plain("health", "Whether the index is open", "application/json")},
            "/metrics": {"get": _plain("metrics", "Figures for Prometheus", "text/plain") | security},
        },
        "components": {
            "schemas": {**values["$defs"], "Failure": failure},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _searching(tool: Tool) -> dict[str, Any]:
    return {
        "operationId": tool.name,
        "summary": tool.title,
        "description": tool.description,
        "requestBody": {"required": True, "content": {"application/json": {"schema": input_schema(tool.request)}}},
        "responses": _responses("Answer", without=(404,)),
    }


def _reading(tool: Tool) -> dict[str, Any]:
    properties = input_schema(tool.request)["properties"]
    return {
        "operationId": tool.name,
        "summary": tool.title,
        "description": tool.description,
        "parameters": [
            {
                "name": "reference",
                "in": "path",
                "required": True,
                "description": _REFERENCE,
                "schema": {"type": "string", "minLength": 1},
            },
            *(
                {"name": name, "in": "query", "schema": _parameter(name, schema)}
                for name, schema in properties.items()
                if name != "document"
            ),
        ],
        "responses": _responses("Excerpt", without=()),
    }


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return schema | {"default": READING_DEFAULTS[name]} if name in READING_DEFAULTS else schema


def _responses(value: str, *, without: tuple[int, ...]) -> dict[str, Any]:
    return {
        "200": {"description": value, "content": _content(f"#/components/schemas/{value}")},
        **{
            str(status): {"description": reason, "content": _content("#/components/schemas/Failure")}
            for status, reason in _REASONS.items()
            if status not in without
        },
    }


def _content(reference: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": reference}}}


def _plain(name: str, summary: str, kind: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {kind: {}}}},
    }
