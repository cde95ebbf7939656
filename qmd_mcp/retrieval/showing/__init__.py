"""Which part of a text an answer shows: where the query matches, snippets, and packing into a budget."""
