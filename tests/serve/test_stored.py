"""Stored scores in the service: what was written last is what is answered."""

from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from churnhealth.archive.runs import write_scores
from churnhealth.serve.stored import StoredScores


def days(stored):
    return {row["as_of"] for row in stored.rows}


def test_who_asks_while_new_scores_are_read_gets_the_new_ones(book, tmp_path):
    later = {**book.scores, "as_of": book.scores["as_of"] + np.timedelta64(30, "D")}
    day = book.scores["as_of"][0].astype(object)
    write_scores(book, tmp_path, as_of=day)
    asked = []
    with ThreadPoolExecutor(1) as pool:

        def base(_):  # is asked in the midst of reading
            if reading and not asked:
                asked.append(pool.submit(stored.newest))
                wait(asked, timeout=0.5)  # one that does not wait has its answer now
            return 0.1

        reading = False
        stored = StoredScores(tmp_path, card={}, base=base)
        reading = True
        new = later["as_of"][0].astype(object)
        write_scores(
            type(book)(scores=later, drivers=book.drivers), tmp_path, as_of=new
        )
        assert days(stored.newest()) == {str(new)}
        assert days(asked[0].result()) == {str(new)}
