"""Arguments of tools, right and wrong."""

from __future__ import annotations

import pytest

from qmd_mcp.domain.request_arguments import offered_by
from qmd_mcp.domain.requests import DocumentRequest, DocumentsRequest, QueryRequest, SearchRequest, StatusRequest
from qmd_mcp.errors import ArgumentError
from qmd_mcp.server.mcp.arguments import fit, known_tool

SEARCH = offered_by(SearchRequest)
QUERY = offered_by(QueryRequest)
READ = offered_by(DocumentRequest)
READ_MANY = offered_by(DocumentsRequest)

READ_TAKES = "it takes document, from_line, max_lines, line_numbers."

TOOLS = {"query": QUERY, "search": SEARCH, "get_document": READ, "get_documents": READ_MANY}


def test_right_arguments_pass_unchanged() -> None:
    """What fits the schema is not touched."""
    arguments = {"query": "x", "limit": 3, "collections": ["a"], "min_score": 0.5}
    assert fit("search", arguments, SEARCH) == arguments


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"limit": 10.0}, {"limit": 10}),
        ({"limit": "10"}, {"limit": 10}),
        ({"limit": None}, {}),
        ({"min_score": "0.5"}, {"min_score": 0.5}),
        ({"min_score": 1}, {"min_score": 1}),
        ({"collections": "notes"}, {"collections": ["notes"]}),
        ({"collections": "notes, docs"}, {"collections": ["notes", "docs"]}),
        ({"collections": '["notes", "docs"]'}, {"collections": ["notes", "docs"]}),
        ({"collections": []}, {"collections": []}),
    ],
)
def test_harmless_variants_are_brought_into_form(given: dict[str, object], taken: dict[str, object]) -> None:
    """Agents write numbers as strings, lists as strings and leave-outs as null."""
    assert fit("search", {"query": "x", **given}, SEARCH) == {"query": "x", **taken}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("a.md, b.md", ["a.md", "b.md"]),
        ("src/*.{py,toml}, b.md", ["src/*.{py,toml}", "b.md"]),
        ("[ab].md", ["[ab].md"]),
        (["a, b.md"], ["a, b.md"]),
    ],
)
def test_one_string_is_split_at_commas_but_not_inside_braces_or_lists(given: object, taken: list[str]) -> None:
    """A glob's alternatives and a path in a list stay whole."""
    assert fit("get_documents", {"documents": given}, READ_MANY) == {"documents": taken}


@pytest.mark.parametrize("value", ["true", "True", True])
def test_true_may_be_written_as_a_word(value: object) -> None:
    """As a string or as itself."""
    assert fit("get_document", {"document": "x", "line_numbers": value}, READ)["line_numbers"] is True


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        (
            "search",
            {"q": "x"},
            (
                "search does not take 'q' (use 'query'); it takes query, limit, collections, "
                "tags, after, before, sort, min_score."
            ),
        ),
        (
            "search",
            {"query": "x", "top_k": 3, "zzz": 1},
            (
                "search does not take 'top_k' (use 'limit') and 'zzz'; it takes query, limit, collections, "
                "tags, after, before, sort, min_score."
            ),
        ),
        (
            "search",
            {"query": "x", "minScore": 0.1},
            (
                "search does not take 'minScore' (use 'min_score'); it takes query, limit, collections, "
                "tags, after, before, sort, min_score."
            ),
        ),
        (
            "search",
            {"query": "x", "colections": None},
            (
                "search does not take 'colections' (use 'collections'); it takes query, limit, collections, "
                "tags, after, before, sort, min_score."
            ),
        ),
        (
            "get_document",
            {"path": "a.md"},
            f"get_document does not take 'path' (use 'document'); {READ_TAKES}",
        ),
        (
            "get_document",
            {"document": "a.md", "limit": 3},
            f"get_document does not take 'limit' (use 'max_lines'); {READ_TAKES}",
        ),
        ("search", {}, "search needs 'query' (text)."),
        ("search", {"query": None}, "search needs 'query' (text)."),
        ("get_documents", {}, "get_documents needs 'documents' (a list of 1 to 100 strings)."),
        (
            "get_documents",
            {"documents": []},
            "documents must be a list of 1 to 100 strings, not [].",
        ),
        ("search", {"query": ["x"]}, 'query must be text, not ["x"].'),
        ("search", {"query": "x", "limit": "ten"}, "limit must be a whole number from 1 to 100, not 'ten'."),
        ("search", {"query": "x", "limit": 2.5}, "limit must be a whole number from 1 to 100, not 2.5."),
        ("search", {"query": "x", "limit": True}, "limit must be a whole number from 1 to 100, not true."),
        ("search", {"query": "x", "limit": 0}, "limit must be a whole number from 1 to 100, not 0."),
        ("search", {"query": "x", "limit": 101}, "limit must be a whole number from 1 to 100, not 101."),
        ("search", {"query": "x", "min_score": float("nan")}, "min_score must be a number, not NaN."),
        ("search", {"query": "x", "collections": [1]}, "collections must be a list of strings, not [1]."),
        ("search", {"query": "x", "collections": {"a": 1}}, 'collections must be a list of strings, not {"a": 1}.'),
        ("get_document", {"document": "x", "from_line": 0}, "from_line must be a whole number from 1, not 0."),
        ("get_document", {"document": "x", "line_numbers": 1}, "line_numbers must be true or false, not 1."),
    ],
)
def test_a_mistake_is_one_sentence_that_says_what_to_write(
    tool: str, arguments: dict[str, object], sentence: str
) -> None:
    """Unknown, missing, of the wrong type, out of range."""
    with pytest.raises(ArgumentError) as raised:
        fit(tool, arguments, TOOLS[tool])
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    "given",
    [
        {"options": {"expand": False, "candidate_limit": 5}},
        {"options": '{"expand": false, "candidate_limit": 5}'},
        {"options": {"expand": False}, "candidate_limit": 5},
        {"options": None, "expand": "false", "candidate_limit": "5"},
    ],
)
def test_options_stand_in_their_object_or_beside_the_query(given: dict[str, object]) -> None:
    assert fit("query", {"query": "x", **given}, QUERY) == {"query": "x", "expand": False, "candidate_limit": 5}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"candidates": 5}, "query does not take 'candidates' (use 'candidate_limit'); it takes query, limit, "),
        (
            {"options": {"candidates": 5}},
            "query's options does not take 'candidates' (use 'candidate_limit'); it takes expand, rerank, ",
        ),
        ({"options": 5}, "options must be an object (expand, rerank, candidate_limit, "),
        ({"options": {"candidate_limit": 0}}, "candidate_limit must be a whole number from 1 to 100, not 0."),
        ({"options": {"searches": ["lex: x"] * 11}}, "searches must be a list of 0 to 10 strings, not ["),
    ],
)
def test_a_mistake_among_the_options_is_named_as_well(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        fit("query", {"query": "x", **given}, QUERY)
    assert str(raised.value).startswith(sentence)


def test_a_tool_without_arguments_says_so() -> None:
    """Rather than an empty list."""
    with pytest.raises(ArgumentError, match=r"^status does not take 'verbose'; it takes no arguments\.$"):
        fit("status", {"verbose": True}, offered_by(StatusRequest))


def test_a_long_wrong_value_is_repeated_only_in_part() -> None:
    """An answer is not the place for a document."""
    with pytest.raises(ArgumentError) as raised:
        fit("search", {"query": "x", "limit": "many\n" * 100}, SEARCH)
    assert len(str(raised.value)) < 120
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("get", "get_document"), ("multi_get", "get_documents"), ("serach", "search"), ("deepSearch", "query")],
)
def test_an_unknown_tool_names_the_nearest(name: str, nearest: str) -> None:
    """By what it is called elsewhere, else by spelling."""
    with pytest.raises(ArgumentError) as raised:
        known_tool(name, TOOLS)
    tools = "query, search, get_document, get_documents"
    assert str(raised.value) == f"There is no tool '{name}': use '{nearest}'. The tools are {tools}."


def test_a_tool_unlike_any_other_gets_the_list() -> None:
    """Nothing is guessed."""
    with pytest.raises(ArgumentError, match=r"^There is no tool 'xyz'. The tools are query, search"):
        known_tool("xyz", TOOLS)


def test_of_many_unknown_arguments_a_few_are_named_and_the_others_counted() -> None:
    with pytest.raises(ArgumentError) as refused:
        fit("search", {f"key{number}": "x" for number in range(48_000)}, SEARCH)
    assert "'key0' and 'key1' and 'key2' and 'key3' and 'key4' and 47,995 more" in str(refused.value)
    assert len(str(refused.value)) < 1_000
