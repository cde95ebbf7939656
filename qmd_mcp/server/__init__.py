"""Serving agents and programs: MCP over standard input and output, MCP and REST over HTTP, and the processes that do so.

`process/` has the entrances, `mcp/` the tools, `http/` the routes.
"""
