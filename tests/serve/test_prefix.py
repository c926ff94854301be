"""Pages behind a proxy that shows the service under a path of its own."""

import pytest
from tests.pages.test_render import Page
from tests.serve.paged import served
from tests.serve.served import SETTINGS, client_of

from churnhealth.config import Serve
from churnhealth.serve.observed import Observer


class Codes(Observer):
    def __init__(self):
        self.refused = []

    def rejected(self, code):
        self.refused.append(code)


@pytest.fixture(scope="module")
def shown(bundle_folder, tmp_path_factory):
    live, ids = served(bundle_folder, tmp_path_factory.mktemp("prefix"), "calm")
    settings = SETTINGS.model_copy(update={"path_prefix": "/churn"})
    codes = Codes()
    with client_of(live, settings=settings, observer=codes) as client:
        yield client, ids[0], codes


@pytest.mark.parametrize("page", ["", "board", "backtest", "model", "accounts/{}"])
def test_every_link_stays_under_the_path_and_leads_somewhere(shown, page):
    client, account_id, _ = shown
    links = Page(client.get(f"/{page.format(account_id)}").text).links
    inside = {link.split("#")[0] for link in links if link.startswith("/")}
    assert inside
    for link in inside:
        assert link.startswith("/churn/")
        assert client.get(link.removeprefix("/churn")).status_code == 200, link


@pytest.mark.parametrize(
    ("asked", "code"), [("accounts/none", "CH503"), ("?sort=no", "CH516")]
)
def test_what_is_refused_on_a_page_is_counted(shown, asked, code):
    client, _, codes = shown
    codes.refused.clear()
    client.get(f"/{asked}")
    assert codes.refused == [code]


@pytest.mark.parametrize("bad", ["churn", "/churn/", "//evil.example", "/a b", "/<"])
def test_a_prefix_is_a_plain_path(bad):
    with pytest.raises(ValueError, match="path_prefix"):
        Serve(path_prefix=bad)
