"""The MCP server: tools, resources and prompts, with checked arguments and errors as sentences.

`mcp_application.Application` is the entrance, for every transport and for REST. What a tool is called, takes and does
is declared in `application.tool_calls` and `domain.requests`.
"""
