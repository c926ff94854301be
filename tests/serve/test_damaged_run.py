"""A run that was damaged on the disk is told as such: restore it, nothing to report."""

import pytest
from tests.serve.paged import DAY, served
from tests.serve.served import client_of


@pytest.mark.parametrize(
    ("tables", "path"),
    [
        ("*/scores.parquet", "/accounts/{}"),
        ("history/*", "/v1/accounts/{}/history"),
        ("*/features.parquet", "/v1/accounts/{}/suggestion"),
        ("*/features.parquet", "/accounts/{}?suggest=1"),
    ],
)
def test_a_damaged_table_is_told_with_the_way_out(
    bundle_folder, tmp_path, tables, path
):
    live, ids = served(bundle_folder, tmp_path, "calm")
    folder = live.serving.stored.folder
    for table in (*folder.glob(tables), folder / str(DAY) / "features.parquet"):
        table.write_bytes(b"damaged")
    with client_of(live) as client:
        answer = client.get(path.format(ids[0]))
    assert answer.status_code == 500
    assert "CH528" in answer.text
    assert "restore the run" in answer.text
