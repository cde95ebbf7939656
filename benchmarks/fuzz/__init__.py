"""Random input against the server and against the code that reads files and queries."""
