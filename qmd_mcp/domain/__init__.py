"""The values that every part of the product knows: documents, passages, requests, answers and the index's status.

They import nothing of ours but errors, and nothing heavy but numpy.
"""
