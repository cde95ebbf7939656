"""Small samples of public sets in the forms that they are published in."""

from __future__ import annotations

import json

BEIR = {
    "corpus.jsonl": b'{"_id": "4983", "title": "White matter", "text": "Alterations.", "metadata": {}}\n',
    "queries.jsonl": b'{"_id": "1", "text": "A claim."}\n{"_id": "2", "text": "A claim for training."}\n',
    "qrels/test.tsv": b"query-id\tcorpus-id\tscore\n1\t4983\t1\n",
}
CRANFIELD = {
    "cran.all.1400": b""".I 1
.T
a wing in a
slipstream .
.A
brenckman,m.
.B
j. ae. scs. 25, 1958, 324.
.W
a wing in a
slipstream .
an experimental study  of a wing .
.I 2
.T
.A
.B
.W
""",
    "cran.qry": b".I 001\n.W\nwhat similarity laws must be obeyed\nfor aircraft .\n.I 004\n.W\nheat conduction .\n",
    "cranqrel": b"1 1 2\n1 2 -1\n2 1 3 \n2 2 5\n2 77 1\n",
}
CISI = {
    "CISI.ALL": b".I 1\n.T\n18 Editions\n.A\nComaromi, J.P.\n.W\n    A history of the\nDDC.\n.X\n1\t5\t1\n92\t1\t1\n",
    "CISI.QRY": b".I 1\n.W\nWhat problems?\n.I 58\n.T\nLibrary Networking\n.A\nAvram, H.D.\n.W\n  Control.\n.B\n(x)\n",
    "CISI.REL": b"     1      1\t0\t0.000000\n    58      1\t0\t0.000000\n",
}
NPL = {
    "doc-text": b"1\ncompact memories have\nflexible capacities\n   /\n2\nAN ANALOGUE COMPUTER\n   /\n   /\n",
    "query-text": b"1\nMEASUREMENT OF CONSTANTS\nIN LIQUIDS\n/\n2\nNOBODY ANSWERS\n/\n",
    "rlv-ass": b"1\n    1\n    2\n   /\n",
}


def squad_article(title: str, *questions: str, context: str = "") -> dict[str, object]:
    asked = [{"id": f"{title}-{number}", "question": text} for number, text in enumerate(questions)]
    return {"title": title, "paragraphs": [{"context": context or f"About {title}.", "qas": asked}]}


def squad(*articles: dict[str, object]) -> bytes:
    return json.dumps({"version": "1.1", "data": articles}, ensure_ascii=False).encode()


SQUAD = {
    "dev-v1.1.json": squad(
        squad_article("Super_Bowl_50", "Who won?"), squad_article("Amazon_rainforest", " How large is it? ")
    )
}
CMRC = {"cmrc2018_dev.json": squad(squad_article("战国无双3", "由谁开发?", context="由光荣开发。"))}
XQUAD = {
    "xquad.en.json": squad(squad_article("Super_Bowl_50", "Who won?")),
    "xquad.zh.json": squad(squad_article("Super_Bowl_50", "谁赢了?", context="关于超级碗。")),
}
COSQA = {
    "code_idx_map.txt": b'{"def b():\\n    return 1": 1, "def a():\\n    return 0": 0}',
    "cosqa-retrieval-dev-500.json": b'[{"idx": "cosqa-train-8333", "doc": "python zero", "code": "", "label": 1, '
    b'"retrieval_idx": 0}]',
}
LOCOMO = {
    "locomo10.json": json.dumps(
        [
            {
                "sample_id": "conv-26",
                "conversation": {
                    "speaker_a": "Ann",
                    "session_10_date_time": "2 pm on 9 May, 2023",
                    "session_10": [{"speaker": "Ann", "dia_id": "D10:1", "text": "Back."}],
                    "session_2_date_time": "1 pm on 8 May, 2023",
                    "session_2": [{"speaker": "Ann", "dia_id": "D2:1", "text": "Look!", "blip_caption": "a dog"}],
                },
                "qa": [
                    {"question": "What did Ann show?", "answer": "a dog", "evidence": ["D2:1; D10:1"], "category": 1},
                    {
                        "question": "What did Ben show?",
                        "adversarial_answer": "a cat",
                        "evidence": ["D2:1"],
                        "category": 5,
                    },
                    {"question": "When?", "answer": "May", "evidence": ["D99:1"], "category": 2},
                ],
            }
        ]
    ).encode()
}
RGB = {
    "zh_refine.json": json.dumps(
        {"id": 7, "query": "死亡人数", "answer": ["12"], "positive": ["造成\n12人死亡。"], "negative": ["无关。"]}
    ).encode()
    + b"\n"
}
TLDR = {
    "pages/android/bugreport.md": b"# bugreport\n\n> Show an Android bug report.\n> See adb.\n\n- D:\n\n`bugreport`\n",
    "pages/common/b.md": b"# b\n\n> Manage users.\n\n- Do it:\n\n`b`\n",
    "pages/common/c.md": b"# c\n\n> This command is an alias of `b`.\n\n- See:\n\n`tldr b`\n",
    "pages/osx/d.md": b"# d\n\n> Show the same thing as others.\n\n`d`\n",
    "pages/linux/d.md": b"# d\n\n> Show the same thing as others.\n\n`d`\n",
}
ASTRO_PAGE = "---\ntitle: {title}\ndescription: {description}\n---\nimport X from '~/x.astro';\n\n正文。\n"
ASTRO = {
    f"src/content/docs/zh-cn/{name}": ASTRO_PAGE.format(title=title, description=description).encode()
    for name, title, description in (
        ("a/islands.mdx", "群岛", ">-\n  关于\n  群岛。\n\n  更多"),
        ("a.mdx", "一", "相同。"),
        ("b.md", "二", "相同。"),
    )
}
