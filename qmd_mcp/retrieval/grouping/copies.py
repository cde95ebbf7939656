"""Copies of one document: which passages say the same in them, and which of them is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qmd_mcp.domain.documents import Collection, Document, Passage
from qmd_mcp.retrieval.grouping.copy_names import names_a_copy, plain_name
from qmd_mcp.retrieval.grouping.likeness import Likeness
from qmd_mcp.retrieval.showing.text_matches import Sought


@dataclass(frozen=True, slots=True)
class Family:
    """A passage that is shown, and its copies in other documents."""

    shown: Passage
    rank: int
    """Rank of the best of them."""
    copies: tuple[Passage, ...] = ()
    """The others, best first."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Finds the copies among ranked passages.

    A copy is a passage of another document with the same content; or of one whose file is the same or is called a copy,
    if one of the two passages says nearly everything that the other says.
    """

    documents: Mapping[str, Document]
    """The visible documents, by docid."""
    collections: Mapping[str, Collection]
    sought: Sought
    likeness: Likeness

    def families(self, ranked: Sequence[Passage]) -> list[Family]:
        """Every visible passage with its copies, in the order of the best of each family.

        Of a family the passage with the plainest path is shown, whichever has the best rank, unless it lacks a word of
        the query that the best one has. A copy that has a word of the query which the shown one lacks is not hidden.
        """
        families = [family for cluster in self._clusters(ranked) for family in self._split(ranked, cluster)]
        return sorted(families, key=lambda family: family.rank)

    def _clusters(self, ranked: Sequence[Passage]) -> list[list[int]]:
        """The positions of visible passages, those together that may be copies of each other."""
        clusters: list[list[int]] = []
        by_content: dict[tuple[str, int], list[int]] = {}
        by_name: defaultdict[str, list[list[int]]] = defaultdict(list)
        for position, passage in enumerate(ranked):
            if passage.docid not in self.documents:
                continue
            content = (self.documents[passage.docid].content_hash, passage.ordinal)
            namesakes = by_name[plain_name(_file_name(passage))]
            cluster = by_content.get(content)
            if cluster is None and namesakes:
                related = (each for each in namesakes if any(self._are_copies(ranked[p], passage) for p in each))
                cluster = next(related, None)
            if cluster is None:
                cluster = []
                clusters.append(cluster)
                namesakes.append(cluster)
            cluster.append(position)
            by_content.setdefault(content, cluster)
        return clusters

    def _split(self, ranked: Sequence[Passage], positions: Sequence[int]) -> list[Family]:
        """The families of a cluster: its passages that the shown one stands for, and those of the others."""
        families: list[Family] = []
        left = list(positions)
        found = {position: self.sought.found_in(ranked[position].text) for position in left if left[1:]}
        while left:
            best = ranked[left[0]]
            if len(left) == 1:
                return [*families, Family(best, left[0])]
            as_good = [position for position in left if found[position] >= found[left[0]]]
            shown = min(
                (p for p in as_good if p == left[0] or self._are_copies(ranked[p], best)),
                key=lambda position: _plainness(ranked[position]),
            )
            hidden: list[int] = []
            seen = {ranked[shown].docid}
            for position in left:
                passage = ranked[position]
                if passage.docid in seen or not found[position] <= found[shown]:
                    continue
                if self._are_copies(passage, ranked[shown]):
                    hidden.append(position)
                    seen.add(passage.docid)
            families.append(Family(ranked[shown], left[0], tuple(ranked[position] for position in hidden)))
            left = [position for position in left if position != shown and position not in hidden]
        return families

    def _are_copies(self, one: Passage, other: Passage) -> bool:
        if one.docid == other.docid:
            return False
        mine, theirs = self.documents[one.docid], self.documents[other.docid]
        if mine.content_hash == theirs.content_hash:
            return one.ordinal == other.ordinal
        related = _is_called_copy(_file_name(one), _file_name(other)) or self._is_same_file(one, other)
        return related and self.likeness.one_holds_the_other(one.text, other.text)

    def _is_same_file(self, one: Passage, other: Passage) -> bool:
        """Whether two collections, of which one lies in the other, have the same file."""
        if one.collection == other.collection:
            return False
        first, second = (self.collections[each.collection].root / each.path for each in (one, other))
        return first == second


def _file_name(passage: Passage) -> str:
    return passage.path.rsplit("/", 1)[-1]


def _is_called_copy(one: str, other: str) -> bool:
    """Whether one of two file names is that of a copy of the other, or both are those of copies of a third."""
    plain = plain_name(one)
    if plain != plain_name(other):
        return False
    numbered = one.lower() != other.lower() and plain in {one.lower(), other.lower()}
    return numbered or names_a_copy(one) or names_a_copy(other)


def _plainness(passage: Passage) -> tuple[int, int, int, str, str]:
    """Orders paths: plain names before those of copies, few folders before many, short before long."""
    parts = passage.path.split("/")
    return sum(map(names_a_copy, parts)), len(parts), len(passage.path), passage.path, passage.collection
