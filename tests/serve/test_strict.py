"""JSON is read as Python reads it, or refused; no bytes do anything else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnhealth.errors import RequestError
from churnhealth.serve.strict import strict_json

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('ab[]{}"\\'), inner),
    max_leaves=20,
)


@given(plain)
@settings(max_examples=200)
def test_all_json_of_modest_depth_is_read_as_python_reads_it(value):
    for ascii_only in (True, False):
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
        assert strict_json(body) == value


@given(st.lists(st.tuples(st.sampled_from("a:b"), plain), min_size=4, max_size=5))
def test_a_field_that_is_named_twice_is_refused_however_deep_it_lies(pairs):
    # four pairs or five under three names
    text = ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in pairs)
    body = f'[1,{{"x":{{{text}}}}}]'.encode()
    with pytest.raises(RequestError, match=r"a field twice|nested too deeply"):
        strict_json(body)


@given(st.binary() | st.text().map(str.encode))
@settings(max_examples=200)
def test_any_bytes_are_read_or_refused_and_nothing_else(body):
    try:
        value = strict_json(body)
    except RequestError as error:
        code = error.code
    else:
        assert strict_json(json.dumps(value).encode()) == value
        code = "CH514"
    assert code == "CH514"


@pytest.mark.parametrize("depth", [16, 17])
def test_depth_is_counted_outside_of_texts(depth):
    inside = json.dumps("[{" * 50 + '\\"')
    body = "[" * depth + inside + "]" * depth
    if depth == 16:
        strict_json(body.encode())
    else:
        with pytest.raises(RequestError, match="nested too deeply"):
            strict_json(body.encode())
