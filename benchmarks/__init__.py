"""Speed and quality, each table with the command that makes it again."""
