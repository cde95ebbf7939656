"""The socket that an HTTP server listens on."""

from __future__ import annotations

import socket

import pytest

from qmd_mcp.errors import SettingsError
from qmd_mcp.server.process.http_process import bound, url_of
from qmd_mcp.settings import read_settings


def test_its_protocol_is_named_so_that_no_answer_is_delayed() -> None:
    with bound(read_settings(port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("host", ["192.0.2.7", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_a_setting_that_does_not_fit(host: str) -> None:
    with (
        pytest.raises(SettingsError, match=f"^{host} port 0 cannot be served: "),
        bound(read_settings(port=0, host=host)),
    ):
        pass
