"""The programs behind every figure of benchmarks/README.md and the pages below it."""

import qmd_mcp  # noqa: F401  must come before numpy: it limits the threads of matrix products
