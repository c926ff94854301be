import numpy as np
from tests.serve.served import *
def test_x(bundle, history, book, raw, config):
    from churnhealth.features.runtime import feature_table
    from churnhealth.sources.rows import history_from_rows
    from churnhealth.sources.contract import day_of
    import dataclasses
    ids = book.scores["account_id"][book.scores["status"]=="scored"].tolist()
    at = np.array([history.accounts.ids.tolist().index(i) for i in ids])
    w = {"as_of": np.full(len(ids), day_of(AS_OF)), "gap_days": bundle.question.gap_days}
    a = feature_table(history, bundle.specs, account=at, **w).values
    h2 = history_from_rows(bundle.schema, [raw(i) for i in ids])
    b = feature_table(h2, bundle.specs, account=np.arange(len(ids)), **w).values
    d = ~((a==b)|(np.isnan(a)&np.isnan(b)))
    bits = a.view(np.int64)!=b.view(np.int64)
    print("BAD", d.sum(), bits.sum())
    for r,c in list(zip(*np.nonzero(bits)))[:15]:
        print(ids[r], bundle.names[c], a[r,c].hex(), b[r,c].hex())
    assert 0
