"""Code that several benchmark programs share, and the processes that they start."""
