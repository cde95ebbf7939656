"""What keeps a server process within its bounds: its log, its open files, and its end when it runs no more.

Each module is an entrance of its own.
"""
