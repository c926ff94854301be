import re
import tomllib
from pathlib import Path

from churnhealth.config import Features, read_config
from churnhealth.features.own import own_specs
from churnhealth.features.page import features_page
from churnhealth.sources.load import load

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_says_what_the_kernel_does():
    assert PAGE.read_text(encoding="utf-8") == features_page()


def test_the_features_it_shows_can_be_made_of_the_simulated_company():
    shown = re.search(r"```toml\n(.*?)```", features_page(), re.DOTALL)[1]
    asked = Features.model_validate(tomllib.loads(shown)["features"]).own
    config = read_config(PAGE.parents[1] / "examples" / "simulated.toml")
    names = [spec.name for spec in own_specs(load(config).history, asked)]
    assert names == [
        "product__export__active_days__45d",
        "pulse__pulse__fresh__60d",
        "goals__all__done_by__90d",
        "accounts__country_pl__is",
        "contracts__all__ends_within__182d",
    ]
