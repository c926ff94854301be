"""Whom we looked at, when, and what happened next."""
