"""From ranked candidates to an answer: relevance, verdict, snippets, packing, pages, and why nothing was found."""
