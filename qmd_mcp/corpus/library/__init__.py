"""Reading documents by what a person or an agent calls them.

`document_library.DocumentLibrary` is the entrance.
"""
