"""Scores over HTTP, with the pages beside them."""
