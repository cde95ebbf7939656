"""The tables of an index, one module each, and what is kept of them in memory."""
