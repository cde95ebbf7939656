"""Serving agents and programs: MCP over standard input and output, MCP and REST over HTTP.

`process/` has the entrances and what belongs to the process, `mcp/` the tools, `http/` the routes.
"""
