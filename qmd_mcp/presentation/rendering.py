"""The text that agents read, and people at the command line."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from qmd_mcp.corpus.scanning.default_rules import DEFAULT_GLOBS
from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts, Explanation, Hit, Stage
from qmd_mcp.domain.documents import Freshness
from qmd_mcp.domain.index_status import CollectionStatus, IndexStatus, ModelStatus
from qmd_mcp.presentation.quotation import fence_around, notice, shown

_OF_A_HIT: dict[Freshness, str | None] = {
    "current": None,
    "changed": "changed since it was indexed: read it again with get_document",
    "missing": "no longer on disk",
}

_OF_AN_EXCERPT: dict[Freshness, str | None] = {
    "current": None,
    "changed": "changed since it was indexed: these are its lines now, searches still know the old ones",
    "missing": "no longer on disk",
}

_VERDICTS: dict[str | None, str | None] = {
    None: None,
    "good": "Verdict good: the first hit most likely answers.",
    "weak": "Verdict weak: no hit is likely to answer by itself. Read before you rely on one, or ask in other words.",
    "none": "Verdict none: nothing indexed seems to be about this; these are only the nearest passages. Do not answer "
    "from them: say that it was not found.",
}

_KILO = 1000

_PLACES = 10
"""Places of near-duplicates that are named, as many as an answer has hits by default; a text that stands in more
places is boilerplate."""

_TAGS = 8
"""Tags of a hit that its text shows: about 20 tokens. JSON has all."""

_LONGEST_ECHO = 80
"""Characters of a query or of globs that a text repeats: enough to tell several apart."""

_NOTHING_FOUND = (
    "There is nothing here to answer from. Try other words, query (exact words and meaning together), or status (which "
    "collections there are and how much of them is indexed); else say that it was not found in what is indexed."
)


def render(value: Answer | Excerpt | Excerpts | IndexStatus) -> str:
    """Put into words what a tool returns."""
    match value:
        case Answer():
            return render_answer(value)
        case Excerpt():
            return render_excerpt(value)
        case Excerpts():
            return render_excerpts(value)
        case IndexStatus():
            return render_status(value)


def render_answer(answer: Answer) -> str:
    """What the reader should know before the hits, the numbered hits with their snippets, and how to get more."""
    answer = shown(answer)
    after = [
        *(f"Looked up {line.line}: {line.found} found, {line.new} new" for line in answer.lines),
        *_omitted(answer),
        *_stages("Not run", [stage for stage in answer.stages if not stage.ran]),
        *_stages("Ran differently", [stage for stage in answer.stages if stage.ran and stage.reason]),
    ]
    asked = shorten(answer.query, _LONGEST_ECHO, placeholder="…")
    if not answer.hits:
        return _lines(f"No hits for: {asked}", *answer.notes, *after, _NOTHING_FOUND)
    fence = fence_around(hit.snippet for hit in answer.hits)
    count = "1 hit" if len(answer.hits) == 1 else f"{len(answer.hits)} hits"
    blocks = (_hit(number, hit, fence) for number, hit in enumerate(answer.hits, 1))
    head = (f"{count} for: {asked}", *filter(None, [_VERDICTS[answer.verdict]]), *answer.notes, notice(fence))
    return _paragraphs(_lines(*head), *blocks, _lines(*after))


def render_excerpt(excerpt: Excerpt) -> str:
    """A document's lines, where they stand, and where to go on reading."""
    excerpt = shown(excerpt)
    fence = fence_around([excerpt.text])
    return _lines(notice(fence), _excerpt(excerpt, fence))


def render_excerpts(excerpts: Excerpts) -> str:
    """Several documents, then what was left out and why."""
    excerpts = shown(excerpts)
    skipped = [f"Not read: {skip.path} ({skip.reason})" for skip in excerpts.skipped]
    if not excerpts.documents:
        return _lines("No document was read.", *skipped)
    fence = fence_around(document.text for document in excerpts.documents)
    blocks = (_excerpt(document, fence) for document in excerpts.documents)
    return _paragraphs(notice(fence), *blocks, _lines(*skipped))


def render_status(status: IndexStatus) -> str:
    """The index, its collections and the models, a line each."""
    status = shown(status)
    size = "" if status.size_bytes is None else f", {_size(status.size_bytes)}"
    return _lines(
        f"Index {status.index}{size}, last updated {status.updated or 'never'}",
        f"{_count(status.documents, 'document')}, {_count(status.passages, 'passage')}{_embedded(status)}",
        f"Vectors of {status.embedder}, {status.dimension} dimensions",
        *map(_collection, status.collections),
        *([] if status.collections else ["No collection yet: qmd-mcp collection add FOLDER --name NAME"]),
        *map(_model, status.models),
        *status.notes,
    )


def _embedded(status: IndexStatus) -> str:
    """How many of the passages have a vector, if there are passages."""
    waiting = status.passages - status.embedded
    if not status.passages:
        return ""
    if not status.embedded:
        return " (none embedded yet)"
    return " (all embedded)" if waiting <= 0 else f" ({waiting} not embedded yet)"


def _hit(number: int, hit: Hit, fence: str) -> str:
    relevance = "" if hit.relevance is None else f"  relevance {hit.relevance:.2f}"
    return _lines(
        f"{number}. {_place(hit)}  {hit.docid}  score {_score(hit.score)}{relevance}{_breadcrumb(hit)}{_labels(hit)}",
        *_indented(_context(hit.context), _OF_A_HIT[hit.freshness], _also(hit), _explained(hit.explanation)),
        fence,
        hit.snippet,
        fence,
    )


def _excerpt(excerpt: Excerpt, fence: str) -> str:
    known = _indented(_context(excerpt.context), _OF_AN_EXCERPT[excerpt.freshness])
    if not excerpt.total_lines:
        return _lines(f"{_document(excerpt)}  {excerpt.docid} is empty.", *known, *excerpt.notes)
    header = f"{_place(excerpt)} of {_count(excerpt.total_lines, 'line')}  {excerpt.docid} · {excerpt.title}"
    left = excerpt.total_lines - excerpt.end_line
    more = "" if excerpt.next_line is None else f"… {_count(left, 'more line')}: from_line={excerpt.next_line}"
    return _lines(header, *known, fence, excerpt.text, fence, *filter(None, [more]), *excerpt.notes)


def _document(item: Hit | Excerpt) -> str:
    return f"{item.collection}/{item.path}"


def _place(item: Hit | Excerpt) -> str:
    lines = str(item.start_line) if item.start_line == item.end_line else f"{item.start_line}-{item.end_line}"
    return f"{_document(item)}:{lines}"


def _breadcrumb(hit: Hit) -> str:
    heading = hit.heading[1:] if hit.heading[:1] == (hit.title,) else hit.heading
    parts = [part for part in (hit.title, *heading) if part.strip()]
    return f" · {' › '.join(parts)}" if parts else ""


def _labels(hit: Hit) -> str:
    """The date and the tags of the document, if they are known."""
    tags = [f"#{tag}" for tag in hit.tags[:_TAGS]]
    labels = [*([hit.date] if hit.date else []), *tags, *(["…"] if len(hit.tags) > _TAGS else [])]
    return f"  [{' '.join(labels)}]" if labels else ""


def _context(context: str | None) -> str | None:
    return f"context: {context}" if context else None


def _indented(*lines: str | None) -> list[str]:
    return [f"   {line}" for line in lines if line]


def _also(hit: Hit) -> str | None:
    if not hit.also:
        return None
    more = f" and {len(hit.also) - _PLACES} more" if len(hit.also) > _PLACES else ""
    return f"the same or nearly the same in {', '.join(hit.also[:_PLACES])}{more}"


def _explained(explanation: Explanation | None) -> str | None:
    if explanation is None:
        return None
    parts = [
        _listed("BM25", explanation.lexical_rank, explanation.bm25),
        _listed("cosine", explanation.dense_rank, explanation.cosine),
        *([] if explanation.maxsim is None else [f"token by token {explanation.maxsim:.3g}"]),
        *(f"{name} {value:+.3g}" for name, value in explanation.features),
        *(f"also by {line}" for line in explanation.supported_by),
        *([] if explanation.rerank_logit is None else [f"reranker {explanation.rerank_logit:+.3g}"]),
    ]
    return "why: " + "; ".join(parts)


def _listed(name: str, rank: int | None, score: float | None) -> str:
    value = "" if score is None else f" {score:.3g}"
    return f"{name}{value} " + ("(not in its list)" if rank is None else f"(rank {rank})")


def _omitted(answer: Answer) -> list[str]:
    left = f"At least {_count(answer.omitted, 'more hit')} left out" if answer.omitted else "A part is left out"
    if answer.cursor is not None:
        return [f'{left}: the same query with cursor="{answer.cursor}" goes on there.']
    return [f"{left}: raise limit to see them."] if answer.omitted else []


def _stages(what: str, stages: Sequence[Stage]) -> list[str]:
    """One line for these stages; those with the same reason share it."""
    by_reason: dict[str | None, list[str]] = {}
    for stage in stages:
        by_reason.setdefault(stage.reason, []).append(stage.name)
    parts = [", ".join(names) + (f" ({reason})" if reason else "") for reason, names in by_reason.items()]
    return [f"{what}: {'; '.join(parts)}."] if parts else []


def _collection(collection: CollectionStatus) -> str:
    skipped = sum(collection.skipped.values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(collection.skipped.items()))
    return (
        f"Collection {collection.name}: {_count(collection.documents, 'document')}, "
        f"{_count(collection.passages, 'passage')} from {collection.root} ({_globs(collection.globs)})"
        + (f", {_count(skipped, 'file')} skipped: {reasons}" if skipped else "")
        + (f", secrets replaced in {_count(collection.redacted, 'document')}" if collection.redacted else "")
    )


def _globs(globs: Sequence[str]) -> str:
    if tuple(globs) == DEFAULT_GLOBS:
        return "default globs"
    listed = " ".join(globs)
    return listed if len(listed) <= _LONGEST_ECHO else _count(len(globs), "glob")


def _model(model: ModelStatus) -> str:
    where = f" on {model.provider}" if model.provider else ""
    detail = f": {model.detail}" if model.detail else ""
    return f"{model.role.capitalize()} {model.model}: {model.state}{where}{detail}"


def _score(score: float) -> str:
    return f"{score:.3g}" if abs(score) < _KILO else f"{score:.0f}"


def _size(count: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if count < _KILO:
            return f"{count:.3g} {unit}"
        count /= _KILO
    return f"{count:.3g} GB"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))
