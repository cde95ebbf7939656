"""Where each evaluation set is published, under which licence, and what it must hold after conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.parts import set_conversions as convert
from benchmarks.parts.published_forms import ConvertedSet

GITHUB = "https://github.com"
RAW = "https://raw.githubusercontent.com"
GLASGOW = "https://ir.dcs.gla.ac.uk/resources/test_collections"
RESEARCH = "none stated: a classic collection, distributed for research"
TLDR = f"{GITHUB}/tldr-pages/tldr/archive/08e345f42639f67d99282813247ac670dc6e87cb.tar.gz"
COSQA = f"{RAW}/Jun-jie-Huang/CoCLR/14ebcacf9e9bc3e7109102632bc63047876f27d2/data/search"
ASTRO = f"{GITHUB}/withastro/docs/archive/741c1b89ba13cf9b4ac4087ef09dc269e113fa77.tar.gz"
ELECTRON = f"{GITHUB}/electron/i18n/archive/b5831481c16a6e46c903c3dae849440f030171ef.tar.gz"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a converted set holds."""

    documents: int
    queries: int
    judgements: int
    relevant: int
    """Judgements with a grade above 0."""


@dataclass(frozen=True, slots=True)
class PublicSet:
    """One evaluation set and its source."""

    page: str
    """Where a person finds the set described, and finds its files if an address no longer works."""
    licence: str
    addresses: tuple[str, ...]
    members: str
    """Which files count, those in archives included; the pattern's group is the name under which they are read."""
    convert: Callable[[Mapping[str, bytes]], ConvertedSet]
    counts: Counts
    fingerprint: str
    """`ConvertedSet.fingerprint` of the copy that the published figures were measured on."""


@dataclass(frozen=True, slots=True)
class PublicFolder:
    """Documents without queries, for the measurements of speed and load."""

    licence: str
    address: str
    members: str
    count: int


SETS: Mapping[str, PublicSet] = {
    "astro-zh": PublicSet(
        f"{GITHUB}/withastro/docs",
        "MIT",
        (ASTRO,),
        r"[^/]+/(src/content/docs/zh-cn/.+\.mdx?)",
        convert.from_astro,
        Counts(368, 211, 211, 211),
        "78978e421353c579e7a732604028b76c94435c32938922e976efad8d6d4b2812",
    ),
    "cisi": PublicSet(
        f"{GLASGOW}/cisi/",
        RESEARCH,
        (f"{GLASGOW}/cisi/cisi.tar.gz",),
        r"(?:.*/)?(CISI\.(?:ALL|QRY|REL))",
        convert.from_cisi,
        Counts(1_460, 76, 3_114, 3_114),
        "746e7707444967b23080928052963580130c8ee0adf7d0cf8b74c635bda60d22",
    ),
    "cmrc2018-dev": PublicSet(
        f"{GITHUB}/ymcui/cmrc2018",
        "CC BY-SA 4.0",
        (f"{RAW}/ymcui/cmrc2018/c0eb1b6ba219847457e6af3180da722bbeb656af/squad-style-data/cmrc2018_dev.json",),
        r"(.+)",
        convert.from_cmrc,
        Counts(848, 3_219, 3_219, 3_219),
        "ea60e20bd0a280fbc4fa76e7576d79b75536326eab70991813c231e5dc2cd3ef",
    ),
    "cosqa-dev": PublicSet(
        f"{GITHUB}/Jun-jie-Huang/CoCLR",
        "queries C-UDA; functions from CodeSearchNet, each under its own licence",
        (f"{COSQA}/code_idx_map.txt", f"{COSQA}/cosqa-retrieval-dev-500.json"),
        r"(.+)",
        convert.from_cosqa,
        Counts(6_267, 500, 500, 500),
        "68d38b0b5761369695721712488c58f345b0c1ea02c63922011376313b770181",
    ),
    "cranfield": PublicSet(
        f"{GLASGOW}/cran/",
        RESEARCH,
        (f"{GLASGOW}/cran/cran.tar.gz",),
        r"(?:.*/)?(cran\.all\.1400|cran\.qry|cranqrel)",
        convert.from_cranfield,
        Counts(1_400, 225, 1_837, 1_612),
        "a5c6e87cdf58090330fd26aa966cd2c463cd6c917acbf72b8cb0b2da702cee55",
    ),
    "locomo": PublicSet(
        f"{GITHUB}/snap-research/locomo",
        "CC BY-NC 4.0 as far as is known; the copy that was measured had no licence file",
        (f"{RAW}/snap-research/locomo/main/data/locomo10.json",),
        r"(?:.*/)?(locomo10\.json)",
        convert.from_locomo,
        Counts(5_882, 1_536, 2_359, 2_359),
        "f5aabad88c000bd2ffcf281e1fc5a95ed7bf278316af792d3dde04ccfeb414f5",
    ),
    "npl": PublicSet(
        f"{GLASGOW}/npl/",
        RESEARCH,
        (f"{GLASGOW}/npl/npl.tar.gz",),
        r"(?:.*/)?(doc-text|query-text|rlv-ass)",
        convert.from_npl,
        Counts(11_429, 93, 2_083, 2_083),
        "f6c7c7052d35de7fab4526a37896975e9e4ebb95e4bba0cbe5afc14c6ca504d7",
    ),
    "rgb-zh": PublicSet(
        f"{GITHUB}/chen700564/RGB",
        "CC BY-NC-SA 4.0",
        (f"{RAW}/chen700564/RGB/65ec39e40e7dc9abb50e9bf1b4f32be3f6f16615/data/zh_refine.json",),
        r"(.+)",
        convert.from_rgb,
        Counts(7_285, 300, 7_468, 2_473),
        "92425b908662ac952546cd34151667a7aadef3783987bf6793c8a8ced37fac21",
    ),
    "scifact": PublicSet(
        f"{GITHUB}/beir-cellar/beir/wiki/Datasets-available",
        "claims CC BY 4.0, abstracts ODC-By 1.0 (BEIR still lists CC BY-NC 2.0)",
        ("https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets/scifact.zip",),
        r"scifact/(corpus\.jsonl|queries\.jsonl|qrels/test\.tsv)",
        convert.from_beir,
        Counts(5_183, 300, 339, 339),
        "9c92bcaaee59dae283f2aa290111ab2234daf0f39c16371436176411e38deced",
    ),
    "squad-fold0": PublicSet(
        "https://rajpurkar.github.io/SQuAD-explorer/",
        "CC BY-SA 4.0",
        ("https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v1.1.json",),
        r"(.+)",
        convert.from_squad_fold,
        Counts(2_067, 3_118, 3_118, 3_118),
        "36bebe81c00152ddc734ab95967f33f3b4ce7a631b069a4ce753252b1f2c5505",
    ),
    "tldr-en": PublicSet(
        f"{GITHUB}/tldr-pages/tldr",
        "CC BY 4.0",
        (TLDR,),
        r"[^/]+/(pages/.+\.md)",
        convert.from_tldr,
        Counts(6_769, 1_821, 1_821, 1_821),
        "675abcc6ef4f8df9f12f255ff872e82fed2afea43fb12637f5276d502907d71a",
    ),
    "xquad-zh2en": PublicSet(
        f"{GITHUB}/google-deepmind/xquad",
        "CC BY-SA 4.0",
        (
            f"{RAW}/google-deepmind/xquad/7d30520c717524000f0d9d2f9c10a069acd9d285/xquad.en.json",
            f"{RAW}/google-deepmind/xquad/7d30520c717524000f0d9d2f9c10a069acd9d285/xquad.zh.json",
        ),
        r"(.+)",
        convert.from_xquad,
        Counts(240, 1_190, 1_190, 1_190),
        "baaca351a8c36c2cb1cfe0037e51c9bb0bf60d5ee173654eae73a117e6705d67",
    ),
}

FOLDERS: Mapping[str, PublicFolder] = {
    "astro-en": PublicFolder("MIT", ASTRO, r"[^/]+/src/content/docs/en/(.+\.mdx?)", 420),
    "electron-en": PublicFolder("MIT", ELECTRON, r"[^/]+/content/en-US/(.+\.md)", 212),
    "tldr-en": PublicFolder("CC BY 4.0", TLDR, r"[^/]+/pages/(.+\.md)", 7_425),
}
