"""What a text is searched by: which of its parts, in which form, in which script, and as which terms of the index."""
