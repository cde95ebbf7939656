"""What people and agents read: answers as text and as JSON, file content quoted as data, what a client may see.

`rendering` and `json_encoding` are for the command line and the server alike; `guidance` is what an agent is told
before it searches.
"""
