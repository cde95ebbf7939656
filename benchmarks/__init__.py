"""What the product is measured by: one program for each kind of figure."""

import qmd_mcp as qmd_mcp  # first: it sets what libraries read when they are imported
