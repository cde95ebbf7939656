"""The tables of an index, one module for each, and the rows of them that are kept in memory."""
