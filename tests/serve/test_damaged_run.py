"""A run that was damaged on the disk is told as such: restore it, nothing to report."""

import pytest
from tests.serve.paged import served
from tests.serve.served import client_of


@pytest.mark.parametrize(
    ("tables", "path"),
    [("*/scores.parquet", "/accounts/{}"), ("history/*", "/v1/accounts/{}/history")],
)
def test_a_damaged_table_is_told_with_the_way_out(
    bundle_folder, tmp_path, tables, path
):
    live, ids = served(bundle_folder, tmp_path, "calm")
    for table in live.serving.stored.folder.glob(tables):
        table.write_bytes(b"damaged")
    with client_of(live) as client:
        answer = client.get(path.format(ids[0]))
    assert answer.status_code == 500
    assert "CH528" in answer.text
    assert "restore the run" in answer.text
