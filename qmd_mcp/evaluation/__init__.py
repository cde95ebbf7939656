"""Measuring retrieval quality: on evaluation sets with judgements, and on the user's own corpus.

`runner` evaluates a set through the product's own indexing and search, `self_evaluation` compares the ways to search on
queries made of the index, and `evidence_source` gathers what training and calibration read.
"""
