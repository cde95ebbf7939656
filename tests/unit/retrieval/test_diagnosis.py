"""Which spellings are offered for a word that no passage has."""

import pytest

from qmd_mcp.retrieval.answering.diagnosis import nearest_spellings

KNOWN = {"five": 9, "standby": 4, "vault": 7, "vaults": 1, "encrypt": 3, "c": 5}


@pytest.mark.parametrize(
    ("term", "offered"),
    [
        ("stanbdy", ["standby"]),  # two letters in each other's place are one edit
        ("vaault", ["vault", "vaults"]),  # nearest first
        ("encrpyt", ["encrypt"]),
        ("drive", []),  # two edits make another word of five letters
        ("kubernet", []),
        ("d", []),
        ("数据", []),
    ],
)
def test_the_nearest_spellings_of_a_term(term: str, offered: list[str]) -> None:
    assert nearest_spellings(term, KNOWN) == offered
