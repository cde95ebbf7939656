"""What people and agents read: answers as text and as JSON, file content quoted as data, what a client may see.

`rendering` and `json_encoding` serve the command line and the server alike. Whatever is worded passes `quotation`,
which keeps names on their lines. `guidance` is what an agent reads before it searches.
"""
