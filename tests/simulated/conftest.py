"""The tiny company of the sources' tests."""

from tests.sources.conftest import company, small

__all__ = ["company", "small"]
