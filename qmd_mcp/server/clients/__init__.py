"""Who may ask a server and what each client may see, and how the server proves its identity.

Nothing here imports the protocol or the HTTP side, so that the commands and forwarding can use it.
"""
