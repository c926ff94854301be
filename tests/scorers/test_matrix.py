"""What a scorer takes for numbers, whoever made the frame."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from churnhealth.scorers.logistic import LogisticScorer
from churnhealth.scorers.matrix import MatrixError, column_names, matrix_of

USED = [1.0, 2.5, 4.0]
SEATS = [7, None, 9]
ASKED = [True, None, False]
EXPECTED = np.array([[1.0, 7.0, 1.0], [2.5, np.nan, np.nan], [4.0, 9.0, 0.0]])
COLUMNS = {"used": USED, "seats": SEATS, "asked": ASKED}
FRAMES = {
    "pandas as read": pd.DataFrame(COLUMNS),
    "pandas' nullable types": pd.DataFrame(COLUMNS).convert_dtypes(),
    "pandas over pyarrow": pd.DataFrame(COLUMNS).convert_dtypes(
        dtype_backend="pyarrow"
    ),
    "Polars": pl.DataFrame(COLUMNS),
    "pyarrow": pa.table(COLUMNS),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_missing_number_is_nan_however_a_frame_says_so(frame):
    np.testing.assert_array_equal(matrix_of(frame), EXPECTED)
    assert column_names(frame) == list(COLUMNS)


def test_columns_of_one_name_stay_apart():
    twice = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    assert matrix_of(twice).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    "made",
    [
        {"plan": ["Basic", "Pro", "Pro"]},
        {"plan": pd.Categorical(["Basic", "Pro", "Pro"])},
        {"plan": pd.to_datetime(["2026-01-01"] * 3)},
    ],
    ids=["texts", "levels", "dates"],
)
def test_columns_without_numbers_are_named_and_never_their_values(made):
    frame = pd.DataFrame({"used": USED, **made})
    with pytest.raises(MatrixError, match=r"CH320.*no numbers are in: plan") as told:
        LogisticScorer().fit(frame, [0, 1, 0])
    assert "Basic" not in str(told.value)
    assert told.value.__suppress_context__ or told.value.__context__ is None


def test_dates_of_polars_are_no_numbers():
    frame = pl.DataFrame({"used": USED}).with_columns(day=pl.date(2026, 1, 1))
    with pytest.raises(MatrixError, match="no numbers are in: day"):
        matrix_of(frame)


def test_a_bare_matrix_of_texts_is_refused_without_quoting_one():
    with pytest.raises(MatrixError, match="the matrix holds texts") as told:
        matrix_of(np.array([["1.5", "ann@example.com"]]))
    assert "ann" not in str(told.value)
    assert told.value.__suppress_context__
