"""Korean words without the particles and endings that are written on to them."""

from __future__ import annotations

import re
from functools import lru_cache

_PARTICLES = """
은 는 이 가 을 를 의 에 도 만 로 와 과 나 랑 께 여 야 들 인
에서 에게 에게서 한테 한테서 께서 으로 로서 으로서 로써 으로써 이나 이랑 까지 부터 마다 처럼 보다 밖에 조차 마저
라도 이라도 든지 이든지 이고 이며 이면 이다 였다 이었다 입니다 이란 이라는 라는
에는 에도 에만 에서는 에서도 에서의 으로는 로는 으로도 로도 에게는 과의 와의 까지는 부터는 들은 들이 들을 들의 들에 들과
"""
"""Particles after nouns, alone and in their commonest combinations, and forms of the copula."""

_ENDINGS = """
하다 한다 합니다 했다 했습니다 하는 하고 하여 해서 하면 하지 하기 하며 하도록 하세요 하십시오 해야 하려면 하거나
하는데 했던 한 할 함 해
되다 된다 됩니다 되었다 되었습니다 됐다 됐습니다 되는 되고 되어 되면 되지 되기 되며 되도록 되거나 된 될 됨 돼
시키다 시킨다 시킵니다 시켰다 시키는 시키고 시키면 시킨 시킬
"""
"""Forms of 하다, 되다 and 시키다, which make verbs of nouns."""

_AFTER_ONE = frozenset(["을", "를", "은", "는", "에", "에서", "으로", "에게", "까지", "부터", "에는", "에도"])
"""Particles that are taken off even if only one syllable is left (`책을`), because few nouns end like them."""

_NOUNS = frozenset(["가을", "마을", "노을", "고을"])
"""Common nouns of two syllables that end like a particle."""

_SHORTEST = 2
"""Fewest syllables that are left of a word: with one, `회의` (meeting) would become `회`."""

_WORD = re.compile("[\uac00-\ud7a3]+")
_SUFFIXES = tuple(sorted({*_PARTICLES.split(), *_ENDINGS.split()}, key=len, reverse=True))

_KNOWN_WORDS = 20_000
"""Words whose form without particles is remembered: most texts of one language have fewer distinct words."""


def without_particles(text: str) -> str:
    """Take particles and endings off the Korean words of a text: `서버를` becomes `서버`, and `백업했다` `백업`.

    This follows a list, not a dictionary: a noun that ends like a particle (`고양이`) is shortened as well, in
    texts and queries alike, so that both still meet.
    """
    return _WORD.sub(lambda word: _stripped(word[0]), text)


@lru_cache(maxsize=_KNOWN_WORDS)
def _stripped(word: str) -> str:
    while word not in _NOUNS:
        left = next((len(word) - len(suffix) for suffix in _SUFFIXES if _may_lose(word, suffix)), len(word))
        if left == len(word):
            break
        word = word[:left]
    return word


def _may_lose(word: str, suffix: str) -> bool:
    left = len(word) - len(suffix)
    return left >= (1 if suffix in _AFTER_ONE else _SHORTEST) and word.endswith(suffix)
