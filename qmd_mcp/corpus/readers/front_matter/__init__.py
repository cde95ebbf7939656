"""What documents say about themselves: title, aliases, tags, date and other values.

`front_matter_block` finds the block of YAML or TOML above a body, and `block_values` reads the values in it.
`described` makes title and properties of such values, whatever format they come from, `written_dates` reads dates, and
`inline_tags` finds the tags in the body of Markdown.
"""
