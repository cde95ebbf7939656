"""Converting a published evaluation set to the corpus, queries and judgements that `qmd-mcp eval` reads.

Each function takes the published files by name and returns one set. Paragraph sets name a document by a hash of its
text, since the publishers give paragraphs no id. A judgement of a document that does not exist is dropped, and so is a
query for which no relevant document is left.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import yaml

from benchmarks.parts.published_forms import (
    ConvertedSet,
    lines_of,
    md5_number,
    paragraph_id,
    slashed_records,
    smart_records,
)

CRANFIELD_GRADES = {"1": 4, "2": 3, "3": 2, "4": 1}
"""The published codes run from 1, a complete answer, to 4, of minimum interest; -1 and 5 mean of no interest."""

ADVERSARIAL = 5
"""LoCoMo's category of questions that the conversation does not answer."""

FEWEST_WORDS = 4
"""Words of a description below which it is a name rather than a question ("Manage users")."""


def from_beir(files: Mapping[str, bytes]) -> ConvertedSet:
    """BEIR's own form: `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`; its other queries are for training."""
    found = ConvertedSet()
    for line in lines_of(files["corpus.jsonl"]):
        record = json.loads(line)
        found.documents[record["_id"]] = record.get("title", ""), record["text"]
    for line in lines_of(files["queries.jsonl"]):
        record = json.loads(line)
        found.queries[record["_id"]] = record["text"]
    for line in lines_of(files["qrels/test.tsv"])[1:]:
        query_id, document_id, grade = line.split("\t")
        found.judge(query_id, document_id, int(grade))
    return found


def from_cranfield(files: Mapping[str, bytes]) -> ConvertedSet:
    """`cran.all.1400`, `cran.qry` and `cranqrel`.

    The judgements name a query by its position, not by its `.I` number. Each abstract begins with its title, which is
    removed from the text.
    """
    found = ConvertedSet()
    for record in smart_records(files["cran.all.1400"]):
        title, text = record.get("T", ""), record.get("W", "")
        found.documents[record["I"]] = title, text.removeprefix(title).strip()
    for position, record in enumerate(smart_records(files["cran.qry"]), start=1):
        found.queries[str(position)] = record["W"]
    for line in lines_of(files["cranqrel"]):
        query_id, document_id, code = line.split()[:3]
        found.judge(query_id, document_id, CRANFIELD_GRADES.get(code, 0))
    return found


def from_cisi(files: Mapping[str, bytes]) -> ConvertedSet:
    """`CISI.ALL`, `CISI.QRY` and `CISI.REL`; some queries are papers, whose title is put before their text."""
    found = ConvertedSet()
    for record in smart_records(files["CISI.ALL"]):
        found.documents[record["I"]] = record.get("T", ""), record.get("W", "")
    for record in smart_records(files["CISI.QRY"]):
        found.queries[record["I"]] = f"{record.get('T', '')} {record['W']}".strip()
    for line in lines_of(files["CISI.REL"]):
        query_id, document_id = line.split()[:2]
        found.judge(query_id, document_id)
    return found


def from_npl(files: Mapping[str, bytes]) -> ConvertedSet:
    """`doc-text`, `query-text` and `rlv-ass`, in which a slash ends each record; texts are put in lower case."""
    found = ConvertedSet()
    for document_id, text in slashed_records(files["doc-text"]):
        found.documents[document_id] = "", text.lower()
    for query_id, text in slashed_records(files["query-text"]):
        found.queries[query_id] = text.lower()
    for query_id, numbers in slashed_records(files["rlv-ass"]):
        for document_id in numbers.split():
            found.judge(query_id, document_id)
    return found


def from_squad_fold(files: Mapping[str, bytes]) -> ConvertedSet:
    """SQuAD 1.1's development file: every paragraph, and the questions of a quarter of the articles.

    An article is in the quarter if the MD5 of its title leaves 0 when divided by 4, so that no article is split. The
    articles are sorted by title.
    """
    articles = json.loads(files["dev-v1.1.json"])["data"]
    for article in articles:
        article["title"] = article["title"].replace("_", " ")
    found = _paragraphs(sorted(articles, key=lambda article: str(article["title"])))
    return _with_questions(found, (each for each in articles if md5_number(each["title"]) % 4 == 0), by_title=True)


def from_cmrc(files: Mapping[str, bytes]) -> ConvertedSet:
    """CMRC 2018's development file in the form of SQuAD."""
    articles = json.loads(files["cmrc2018_dev.json"])["data"]
    return _with_questions(_paragraphs(articles), articles)


def from_xquad(files: Mapping[str, bytes]) -> ConvertedSet:
    """The English paragraphs of `xquad.en.json`, asked the Chinese questions of `xquad.zh.json` with the same ids."""
    english = json.loads(files["xquad.en.json"])["data"]
    chinese = {
        question["id"]: question["question"].strip()
        for article in json.loads(files["xquad.zh.json"])["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    }
    for article in english:
        article["title"] = article["title"].replace("_", " ")
    found = _with_questions(_paragraphs(english), english)
    found.queries = {query_id: chinese[query_id] for query_id in found.queries}
    return found


def from_cosqa(files: Mapping[str, bytes]) -> ConvertedSet:
    """`code_idx_map.txt`, which numbers the functions, and `cosqa-retrieval-dev-500.json` with the queries."""
    found = ConvertedSet()
    numbers: dict[str, int] = json.loads(files["code_idx_map.txt"])
    for code, number in sorted(numbers.items(), key=lambda item: item[1]):
        found.documents[f"c{number}"] = "", code
    for record in json.loads(files["cosqa-retrieval-dev-500.json"]):
        found.queries[record["idx"]] = record["doc"]
        found.judge(record["idx"], f"c{record['retrieval_idx']}")
    return found


def from_locomo(files: Mapping[str, bytes]) -> ConvertedSet:
    """`locomo10.json`: each turn is a document under its session's date, each question asks for its evidence.

    A picture is told by its caption. Questions that nothing answers are left out. The end of a query's id is its
    category: 1 multi-hop, 2 temporal, 3 open-domain, 4 single-hop.
    """
    found = ConvertedSet()
    for sample in json.loads(files["locomo10.json"]):
        prefix, talk = str(sample["sample_id"]).removeprefix("conv-"), sample["conversation"]
        sessions = sorted(int(key[8:]) for key in talk if re.fullmatch(r"session_\d+", key))
        for session in sessions:
            for turn in talk[f"session_{session}"]:
                caption = f" [photo: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
                text = f"{turn['speaker']}: {turn['text']}{caption}"
                found.documents[f"{prefix}/{turn['dia_id']}"] = talk[f"session_{session}_date_time"], text
        for number, question in enumerate(sample["qa"]):
            if question["category"] != ADVERSARIAL:
                query_id = f"{prefix}/q{number}/c{question['category']}"
                found.queries[query_id] = question["question"]
                for turn_id in re.findall(r"D\d+:\d+", " ".join(question["evidence"])):
                    found.judge(query_id, f"{prefix}/{turn_id}")
    return found


def from_rgb(files: Mapping[str, bytes]) -> ConvertedSet:
    """`zh_refine.json`, one question a line: snippets with its answer (1) and snippets that miss it (0)."""
    found = ConvertedSet()
    for line in lines_of(files["zh_refine.json"]):
        record = json.loads(line)
        query_id = f"q{record['id']}"
        found.queries[query_id] = record["query"]
        for grade, kind in ((1, "positive"), (0, "negative")):
            for snippet in record[kind]:
                text = " ".join(snippet.split())
                found.documents.setdefault(paragraph_id(text), ("", text))
                found.judge(query_id, paragraph_id(text), grade)
    return found


def from_tldr(files: Mapping[str, bytes]) -> ConvertedSet:
    """Command pages `pages/*/*.md`: a query is a page's description, which is removed from the page.

    Pages whose description speaks of an alias are left out. A description is a query if no other page has it and it has
    four words or more; of these, three tenths by the MD5 of the page's path are kept (the others are for training).
    """
    found, descriptions = ConvertedSet(), dict[str, str]()
    for path in sorted(files):
        lines = files[path].decode().split("\n")
        quoted = [line.removeprefix(">").strip() for line in lines if line.startswith(">")]
        if any("alias" in line.lower() for line in quoted):
            continue
        name = path.removeprefix("pages/").removesuffix(".md")
        text = "\n".join(line for line in lines[1:] if line.strip() and not line.startswith(">"))
        found.documents[name] = lines[0].removeprefix("# ").strip(), text
        descriptions[name] = quoted[0].rstrip(".")
    shared = Counter(descriptions.values())
    for name, text in descriptions.items():
        if shared[text] == 1 and len(text.split()) >= FEWEST_WORDS and md5_number(name) % 10 < 3:
            found.queries[f"q:{name}"] = text
            found.judge(f"q:{name}", name)
    return found


def from_astro(files: Mapping[str, bytes]) -> ConvertedSet:
    """Chinese pages of Astro's documentation: a query is a page's description, which is removed from the page.

    A description that two pages share is no query, and one that goes on behind a blank line ends there. Lines that
    import components are emptied.
    """
    found, descriptions = ConvertedSet(), dict[str, str]()
    for path in sorted(files, key=lambda path: path.removesuffix(".mdx").removesuffix(".md") + ".md"):
        front, text = files[path].decode().removeprefix("---\n").split("\n---\n", 1)
        name = path.removeprefix("src/content/docs/zh-cn/").removesuffix(".mdx").removesuffix(".md")
        found.documents[name] = yaml.safe_load(front)["title"], re.sub(r"(?m)^import .*$", "", text).strip()
        description = (yaml.safe_load(front.split("\n\n")[0]) or {}).get("description")
        if description:
            descriptions[name] = " ".join(description.split())
    shared = Counter(descriptions.values())
    for name, text in descriptions.items():
        if shared[text] == 1:
            found.queries[f"q:{name}"] = text
            found.judge(f"q:{name}", name)
    return found


def _paragraphs(articles: list[dict[str, Any]]) -> ConvertedSet:
    """Every paragraph of SQuAD's form once."""
    found = ConvertedSet()
    for article in articles:
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            found.documents.setdefault(paragraph_id(text), (article.get("title", ""), text))
    return found


def _with_questions(found: ConvertedSet, articles: Any, *, by_title: bool = False) -> ConvertedSet:
    """The paragraphs with the questions of some articles."""
    for article in sorted(articles, key=lambda article: str(article["title"])) if by_title else articles:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                found.queries[question["id"]] = question["question"].strip()
                found.judge(question["id"], paragraph_id(paragraph["context"]))
    return found
