"""Files of other people, handled so that nothing outside a folder is read or written.

`beneath` opens a file or folder below another one without following a link.
"""
