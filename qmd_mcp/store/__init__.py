"""LanceDB: the one index that holds everything.

`open_index.OpenIndex` is the entrance: the tables of one index. `lance.database.Database` opens and creates an index,
and `generation` decides which embedder's passages answer queries.
"""

from qmd_mcp.store.lance.deferred_package import defer_package

defer_package("lance_namespace_urllib3_client")
# This package is the generated client of a remote service. lancedb imports data classes from it, and with them come the
# client of every route and urllib3, which this program does not use: .5 of the 1.1 s of CPU time that importing lancedb
# takes (benchmarks/results/serving.md).
