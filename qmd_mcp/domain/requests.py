"""What a caller asks, one class for each kind of request.

An argument is one field here. Its name, type and default, and its `Argument`, determine the schema of the tool, the
option of the command line and the field of REST.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Literal, TypeAlias

from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.domain.request_arguments import Argument, check_bounds
from qmd_mcp.errors import ArgumentError, EmptyQueryError, QueryTooLongError

MAX_QUERY_CHARACTERS = 4_000
"""About 1,000 tokens, which is four times what the embedder reads. A longer query is a document."""

MAX_LIMIT = 100

MAX_SEARCHES = 10
"""Typed lines of one call, as many as qmd takes."""

FEWEST_TOKENS = 50
"""A smaller budget does not hold even one hit with its place and heading."""

MAX_DOCUMENTS = 100
"""References and globs of one call."""


def sub_queries(lines: Sequence[str]) -> tuple[SubQuery, ...]:
    """Read typed lines such as `lex: connection refused`.

    Raises:
        ArgumentError: a line has no known type or no words, or there are too many.
    """
    if len(lines) > MAX_SEARCHES:
        sentence = f"searches has {len(lines)} lines; at most {MAX_SEARCHES} are taken."
        raise ArgumentError(sentence)
    return tuple(_sub_query(line) for line in lines)


def _sub_query(line: str) -> SubQuery:
    kind, _, text = (part.strip() for part in line.partition(":"))
    if len(text) > MAX_QUERY_CHARACTERS:
        sentence = f"A line of searches has {len(text):,} characters; at most {MAX_QUERY_CHARACTERS:,} are accepted."
        raise ArgumentError(sentence)
    if not any(character.isalnum() for character in text):
        kind = ""
    match kind.lower():
        case "lex":
            return SubQuery("lex", text)
        case "vec":
            return SubQuery("vec", text)
        case "hyde":
            return SubQuery("hyde", text)
        case _:
            shown = line if len(line) <= 60 else f"{line[:60]}…"  # noqa: PLR2004  enough to recognise the line
            sentence = f"A line of searches is 'lex: WORDS', 'vec: SENTENCE' or 'hyde: PASSAGE', not {shown!r}."
            raise ArgumentError(sentence)


MaxLines: TypeAlias = Annotated[
    int | None,
    Argument(
        "Lines at most", lowest=1, in_schema="name only", aliases="lines line_count num_lines limit count end_line"
    ),
]

LineNumbers: TypeAlias = Annotated[
    bool,
    Argument(
        "Show line numbers",
        in_schema="name only",
        aliases="numbers numbered number_lines show_line_numbers with_line_numbers",
    ),
]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One question to `search` or `vsearch`; valid once constructed.

    Raises:
        EmptyQueryError, QueryTooLongError, ArgumentError: a value does not fit.
    """

    query: Annotated[
        str,
        Argument(
            'Words, "phrases", wild*, -"not" (behind -- on the command line), path: title: tag: after: before:',
            in_schema="name only",
            aliases="q text question search search_query search_term search_text keywords terms prompt",
            words="joined",
        ),
    ]
    _: KW_ONLY
    limit: Annotated[
        int,
        Argument(
            "Hits at most",
            lowest=1,
            highest=MAX_LIMIT,
            in_schema="name only",
            aliases="n k top_k top_n max_results num_results max_hits count size",
            flags="--limit -n",
        ),
    ] = 10
    collections: Annotated[
        tuple[str, ...],
        Argument(
            "Names to search in; default: all",
            in_schema="name only",
            aliases="collection collection_name folder folders source sources scope",
            flags="--collection -c",
        ),
    ] = ()
    tags: Annotated[
        tuple[str, ...],
        Argument(
            "Only documents with all of these tags",
            in_schema="name only",
            aliases="tag labels label topics",
            flags="--tag --tags -t",
        ),
    ] = ()
    """A tag stands for those below it, too: `soil` for `soil/loam`."""
    after: Annotated[
        str | None,
        Argument(
            "Dated at the beginning of 2026, 2026-03 or 2026-03-01, or later",
            in_schema="name only",
            aliases="since from_date date_from start_date min_date newer_than",
        ),
    ] = None
    before: Annotated[
        str | None,
        Argument(
            "Dated before the beginning of 2026, 2026-03 or 2026-03-01",
            in_schema="name only",
            aliases="until to_date date_to end_date max_date older_than",
        ),
    ] = None
    sort: Annotated[
        Literal["relevance", "date"],
        Argument(
            "The best matches by relevance, or by date with the newest first",
            in_schema="name only",
            aliases="order order_by sort_by sorting",
        ),
    ] = "relevance"
    """By date, the best matches are put in the order of their dates."""
    min_score: Annotated[
        float | None,
        Argument(
            "Drop hits below this score", in_schema="name only", aliases="threshold score_threshold minimum_score score"
        ),
    ] = None

    def __post_init__(self) -> None:
        composed = tuple(nfc(name) for name in self.collections)
        object.__setattr__(self, "collections", composed)
        if not self.query.strip() and not (self.tags or self.after or self.before):
            raise EmptyQueryError
        if len(self.query) > MAX_QUERY_CHARACTERS:
            raise QueryTooLongError(len(self.query), limit=MAX_QUERY_CHARACTERS)
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class QueryRequest(SearchRequest):
    """One question to `query`, with everything that steers it."""

    _: KW_ONLY
    min_score: None = None
    """Not an argument of `query`, whose hits are ranked by several scores: `min_relevance` is the threshold."""
    intent: Annotated[str | None, Argument("What you are after, if the query does not say it")] = None
    """It steers reranking and snippets, never expansion."""
    max_tokens: Annotated[
        int | None,
        Argument(
            "Pack whole passages into this budget instead of snippets",
            lowest=FEWEST_TOKENS,
            aliases="token_budget budget tokens max_output_tokens",
        ),
    ] = None
    min_relevance: Annotated[
        float | None,
        Argument(
            "Drop hits less likely relevant",
            lowest=0,
            highest=1,
            in_schema="name only",
            aliases="relevance min_probability",
        ),
    ] = None
    cursor: Annotated[
        str | None,
        Argument(
            "From the last answer: continue there",
            in_schema="name only",
            aliases="next next_cursor page_token continue_from",
        ),
    ] = None
    expand: Annotated[
        bool, Argument("Let a language model write sub-queries", in_schema="name only", place="options")
    ] = True
    rerank: Annotated[
        bool, Argument("Let a cross-encoder read the candidates", in_schema="name only", place="options")
    ] = True
    candidate_limit: Annotated[
        int,
        Argument("Passages to rerank", lowest=1, highest=MAX_LIMIT, place="options", aliases="candidates rerank_limit"),
    ] = 40
    """As many as qmd reranks. What a query with a cross-encoder costs is proportional to it."""
    timeout_ms: Annotated[
        int | None,
        Argument(
            "Leave out stages to keep within it",
            lowest=1,
            place="options",
            aliases="timeout deadline_ms timeout_milliseconds",
        ),
    ] = None
    searches: Annotated[
        tuple[SubQuery, ...],
        Argument(
            "Your own 'lex: …', 'vec: …', 'hyde: …' lines",
            highest=MAX_SEARCHES,
            place="options",
            aliases="sub_queries subqueries queries lines",
            flags="--search -s",
            read=sub_queries,
        ),
    ] = ()
    """They take the place of an expander's sub-queries."""
    explain: Annotated[bool, Argument("Show what moved each hit", in_schema="name only", place="options")] = False

    def __post_init__(self) -> None:
        SearchRequest.__post_init__(self)  # no super(): a slotted dataclass is another class than the one written
        if self.intent is not None and len(self.intent) > MAX_QUERY_CHARACTERS:
            sentence = f"intent has {len(self.intent):,} characters; at most {MAX_QUERY_CHARACTERS:,} are taken."
            raise ArgumentError(sentence)


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """One document, or lines of it."""

    document: Annotated[
        str,
        Argument(
            "docid, path or its end, URI, name, alias or [[link]]; :from:count, #L10-L20 or #Heading may follow",
            aliases="documents path paths file file_path filepath filename doc docid docids doc_id document_id id uri "
            "url reference",
        ),
    ]
    _: KW_ONLY
    from_line: Annotated[
        int | None,
        Argument(
            "First line to read",
            lowest=1,
            in_schema="name only",
            aliases="line start start_line first_line offset from",
            flags="--from",
        ),
    ] = None
    max_lines: MaxLines = None
    line_numbers: LineNumbers = True


@dataclass(frozen=True, slots=True)
class DocumentsRequest:
    """Several documents at once."""

    documents: Annotated[
        tuple[str, ...],
        Argument(
            "As in get_document, or globs: notes/**/*.md",
            lowest=1,
            highest=MAX_DOCUMENTS,
            aliases="document path paths file files file_paths docs docid docids ids uris references pattern patterns "
            "glob globs",
        ),
    ]
    _: KW_ONLY
    max_lines: MaxLines = None
    max_bytes: Annotated[
        int, Argument("Longer files are skipped", lowest=1, in_schema="name only", aliases="bytes max_size size_limit")
    ] = 65_536
    line_numbers: LineNumbers = True


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """The state of the index; there is nothing to choose."""
