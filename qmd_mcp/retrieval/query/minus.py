"""Deciding which words with a minus before them a query excludes.

People write `jaguar speed -car` to exclude, and paste `java -jar app.jar`, `gcc -Wall -O2 main.c`, `tar -xvf` or
`freezer at -105 degrees`, where an exclusion would hide the very text that is looked for. So a minus excludes a word
only if nothing else can be meant:

1. Behind the minus stands a word: three letters or more, perhaps joined inside (`-e-mail`, `-node.js`), or a word that
   begins with a letter outside ASCII. Numbers, `-rf`, `-O2`, `-std=c99`, `--force` and what begins with a capital D, W
   or X, as options of compilers and of Java do (`-Wall`, `-DskipTests`, `-Xint`), are no such words.
2. It stands at the end of the query behind other words, or at its beginning before them, beside other such words or
   filters. A word of the query behind it may be the value of an option (`ffmpeg -vcodec copy`).
3. The word before it is no function word and has no hyphen at its end: `and -reduced` and `Be- und -entlüftung` leave
   out a part of a word.
4. Nothing in the query belongs to a command line: the name of a command, another option, a pipe, a variable or a path.

In doubt the word is searched for. A minus before a quoted phrase or a filter always excludes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from qmd_mcp.retrieval.query.stopwords import STOP_WORDS

EDGES = "\"'`()[]{}<>,;!?*“”‘’。，；：！？（）「」、…"
"""Punctuation that is stripped from both ends of a word, since no name begins or ends with it. The index's own word
segmentation removes the rest."""

_WORD = re.compile(
    r"(?![DWX])(?=(?:[-_.'’]?[A-Za-z]){3})[A-Za-z]+(?:[-_.'’][A-Za-z]+)*"
    r"|(?![\x00-\x7f\d_])\w[\w'’.-]*"
)
"""What a minus may exclude (rule 1)."""

_CONJUNCTIONS = frozenset(
    (
        *("und", "oder", "bzw", "sowie", "et", "ou", "y", "o", "e", "ed", "och", "og", "en", "of", "i", "oraz"),
        *("и", "или"),
    )
)
"""Words for `and` and `or` in the languages that leave out parts of words behind them, beside the English ones."""

_COMMANDS = frozenset(
    (
        *("adb", "apt", "apt-get", "aws", "awk", "cargo", "cc", "chmod", "chown", "clang", "clang++", "cmake"),
        *("cp", "curl", "df", "docker", "docker-compose", "du", "ffmpeg", "ffplay", "ffprobe", "fsutil", "g++"),
        *("gcc", "gcloud", "gfortran", "git", "gradle", "grep", "gunzip", "gzip", "helm", "ipconfig", "javac"),
        *("journalctl", "keytool", "kubectl", "ld", "ls", "lsof", "mkdir", "mvn", "mysqldump", "netstat"),
        *("nmap", "npm", "npx", "nslookup", "openssl", "pdflatex", "pdftotext", "pip", "pnpm", "podman"),
        *("powershell", "ps", "psql", "pwsh", "qemu", "redis-cli", "rm", "rpm", "rsync", "rustc", "scp", "sed"),
        *("sh", "sqlite3", "ss", "ssh", "ssh-keygen", "strace", "sudo", "systemctl", "tar", "tasklist"),
        *("tcpdump", "terraform", "tmux", "valgrind", "wget", "wsl", "xargs", "xcodebuild", "xelatex"),
        *("xrandr", "xset", "yarn", "yum"),
    )
)
"""Commands that people paste with options, without those that are English words (`find`) or languages (`java`)."""

_SHELL = re.compile(
    r"--[A-Za-z]\S*|-[A-Za-z]\S*"  # an option; those that may be excluded have been taken out before
    r"|\|\|?|&&|>>?|\d?>&?\d?|<<?|\\|\$"  # joining commands, and the prompt
    r"|\$\S+|[A-Za-z_]\w*=\S*"  # a variable and its assignment
    r"|\.|\.\.|(?:\.{0,2}|~)/\S*|\*\.\w+"  # a path
    r"|(?:Add|Copy|Export|Get|Import|Invoke|Move|New|Out|Remove|Rename|Select|Set|Start|Stop|Test|Where|Write)-[A-Z]\w+"
)
"""A part of a command line; the last line has the verbs with which commands of PowerShell begin."""


def excluded(parts: Sequence[str], *, filtered: bool, literal: Collection[str] = ()) -> frozenset[int]:
    """The positions of the words that a query excludes by a minus.

    `parts` are the words of the query and, whole, its phrases, all as they are written. `filtered` says whether the
    query has filters, which let a word be excluded although no other stands beside it. `literal` has words, without
    their minus, that are known not to be excluded.
    """
    able = [position for position, part in enumerate(parts) if (word := word_behind(part)) and word not in literal]
    rest = [part for position, part in enumerate(parts) if position not in able]
    if not able or any(_of_a_command(part) for part in rest) or not (rest or filtered):
        return frozenset()
    first, last = 0, len(parts)
    while first in able:
        first += 1
    while last - 1 in able and last > first:
        last -= 1
    if rest and _leaves_a_part_out(parts[last - 1]):
        last = len(parts)
    return frozenset((*range(first), *range(last, len(parts))))


def word_behind(part: str) -> str | None:
    """The word that a minus in the query may exclude, without punctuation at its end; None if there is no such word."""
    bare = part.rstrip(EDGES + ".")
    return bare[1:] if bare.startswith("-") and _WORD.fullmatch(bare, 1) else None


def has_minus(word: str) -> bool:
    """Whether somebody may have meant to exclude a word: a minus before three letters or digits or more."""
    return re.match(r"-\w", word) is not None and sum(character.isalnum() for character in word) > 2  # noqa: PLR2004  rule 1


def _of_a_command(part: str) -> bool:
    return part in _COMMANDS or _SHELL.fullmatch(part) is not None


def _leaves_a_part_out(before: str) -> bool:
    """Whether a word behind this one may lack its first part, for which the hyphen stands."""
    return before.endswith("-") or before.lower() in STOP_WORDS or before.lower() in _CONJUNCTIONS
