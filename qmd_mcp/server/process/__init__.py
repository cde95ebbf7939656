"""Server processes: over standard input and output, over HTTP, in the background, and one that another answers for."""
