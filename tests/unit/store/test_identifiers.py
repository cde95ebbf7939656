"""Names and their parts."""

import pytest

from qmd_mcp.domain.text.identifiers import forms_of, identifiers_in


@pytest.mark.parametrize(
    ("token", "forms"),
    [
        ("os.path.join", ("os.path.join", "os", "path", "join")),
        ("foo_bar", ("foo_bar", "foo", "bar")),
        ("maxRetryCount", ("maxretrycount", "max", "retry", "count")),
        ("HTTPServer", ("httpserver", "http", "server")),
        ("ERR_CONN_REFUSED", ("err_conn_refused", "err", "conn", "refused")),
        ("C++", ("c++",)),
        ("3.11", ("3.11", "11")),
        ("user@example.org", ("user@example.org", "user", "example", "org")),
        ("plain", ()),
        ("Sentence.", ()),
        ("", ()),
    ],
)
def test_a_name_is_found_whole_and_by_its_parts(token: str, forms: tuple[str, ...]) -> None:
    assert forms_of(token) == forms


def test_names_are_found_within_punctuation_and_calls() -> None:
    assert identifiers_in('Call `os.path.join(a, "b")`, then stop.') == "os.path.join os path join"


def test_long_runs_of_data_are_no_names() -> None:
    assert forms_of("a1" * 200) == ()
