"""Which words a minus in a query excludes."""

import pytest

from qmd_mcp.retrieval.query.syntax import parse


@pytest.mark.parametrize(
    "pasted",
    [
        "java -jar app.jar",
        "gcc -Wall -O2 main.c",
        "gcc -Wall",
        "g++ -std=c++20 -pthread",
        "ls -la",
        "rm -rf build",
        "git commit -amend",
        "git commit --amend",
        "-Xmx512m",
        "java -Xmx512m server",
        "tar -xvf",
        "tar -xzvf backup.tar.gz",
        "find . -name foo",
        "find /var/log -mtime +7 -delete",
        "docker run -itd nginx",
        "ps aux | grep -rin nginx",
        "ffmpeg -i in.mp4 -vcodec copy",
        "kubectl get pods -wide",
        "mvn -DskipTests",
        "set -euo pipefail",
        "openssl req -newkey rsa:2048 -nodes",
        "Get-ChildItem -Recurse",
        "$ ./run.sh -verbose",
        "CC=clang make -jobs",
        "npm test -watch",
        "cat a.txt > b.txt -force",
        "sudo systemctl status -full",
    ],
)
def test_a_pasted_command_excludes_nothing(pasted: str) -> None:
    assert parse(pasted).lexical.negatives == ()


@pytest.mark.parametrize(
    "query",
    [
        "freezer at -105 degrees",
        "2024 -2025",
        "2024-01-05 -2024-02-01",
        "between -5 and -10",
        "x -1",
        "a - b",
        "a -- b",
        "temperature -40°C",
        "score -3.5",
        "chapter -v2",
        "pages 3 -5",
        "notes -2026-03-01",
    ],
)
def test_numbers_and_dates_exclude_nothing(query: str) -> None:
    assert parse(query).lexical.negatives == ()


@pytest.mark.parametrize(
    "query",
    [
        "sugar-free and -reduced",
        "Waren- und -ausgang",
        "pre- -war",
        "compile without -pedantic",
        "apple -fruit prices",
        "what does the flag -shared do",
    ],
)
def test_in_doubt_a_word_is_searched_for(query: str) -> None:
    assert parse(query).lexical.negatives == ()


@pytest.mark.parametrize(
    ("query", "negatives"),
    [
        ("freezer -java", ("java",)),
        ("jaguar speed -car", ("car",)),
        ("jaguar speed -car -Animal", ("car", "Animal")),
        ("-draft meeting notes", ("draft",)),
        ("-draft -old meeting notes -private", ("draft", "old", "private")),
        ("python tutorial -snake", ("snake",)),
        ("parser library -node.js", ("node.js",)),
        ("inbox -e-mail", ("e-mail",)),
        ("jaguar speed -car?", ("car",)),
        ("jaguar -car tag:animals", ("car",)),
        ("path:zoo jaguar -car", ("car",)),
        ("кошка -собака", ("собака",)),
        ("缓存 -数据库", ("数据库",)),
        ("kaffee -tee", ("tee",)),
    ],
)
def test_a_word_that_must_be_meant_is_excluded(query: str, negatives: tuple[str, ...]) -> None:
    assert parse(query).lexical.negatives == negatives
    assert not set(negatives) & set(parse(query).lexical.words)


@pytest.mark.parametrize("query", ['gcc -"Wall"', 'java -"Wall" app.jar', 'apple -"Wall" prices'])
def test_quotation_marks_always_exclude(query: str) -> None:
    assert parse(query).lexical.negatives == ("Wall",)


def test_a_word_that_is_searched_for_nevertheless_is_known() -> None:
    parsed = parse("java -jar app.jar -ea")
    assert parsed.kept_words == ("-jar",)
    assert parsed.lexical.words == ("java", "-jar", "app.jar", "-ea")
    assert parsed.text == "java -jar app.jar -ea"


def test_a_query_of_words_with_a_minus_looks_for_them() -> None:
    assert parse("-alpha -beta").lexical.words == ("-alpha", "-beta")


def test_a_word_that_the_texts_write_with_a_minus_is_no_exclusion() -> None:
    assert parse("java -version", literal={"version"}).lexical.negatives == ()
