"""The MCP server: tools, resources and prompts, with checked arguments and errors as sentences."""
