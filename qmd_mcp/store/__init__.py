"""LanceDB: the one index that holds everything."""

from qmd_mcp.store.lance.deferred_package import leave_unread

leave_unread("lance_namespace_urllib3_client")
# The generated client of a remote service. lancedb imports models from it, and with them the client of every route and
# urllib3, which nothing here uses: .5 of the 1.1 s of processor that lancedb takes (benchmarks).
