"""Answering agents over MCP."""
