"""Measuring retrieval quality."""
