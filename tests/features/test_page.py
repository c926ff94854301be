from pathlib import Path

from churnhealth.features.page import features_page

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_says_what_the_kernel_does():
    assert PAGE.read_text(encoding="utf-8") == features_page()
