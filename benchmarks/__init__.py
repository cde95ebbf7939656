"""Speed and quality, each table with the command that makes it again."""

import qmd_mcp  # noqa: F401  before numpy: it sets how many threads products take
