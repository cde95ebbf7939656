"""The entrance of `python -m qmd_mcp`."""

from qmd_mcp.cli import main

main()
