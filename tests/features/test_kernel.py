"""The kernel against plain Python, against other futures, and against mutants."""

import gc
from dataclasses import replace

import numpy as np
import pytest
from feature_histories import (
    ACCOUNTS,
    LAST_DAY,
    Business,
    businesses,
    history_of,
    retold,
)
from feature_oracle import expected
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from table_oracle import same

from churnhealth.errors import InputError
from churnhealth.features.kernel import COMPUTED, compute
from churnhealth.features.kernel_events import Events
from churnhealth.features.kernel_rows import Rows
from churnhealth.features.kinds import KINDS
from churnhealth.features.library import default_specs
from churnhealth.features.runtime import feature_table, features_of_one
from churnhealth.features.spec import feature

GAP = 10


def specs_of(kind):
    about = KINDS[kind]
    if about.family == "contracts":
        days = 9 if about.windowed else None
        return [feature(kind, source="contracts", days=days)]
    if kind == "number":
        return [feature(kind, source="accounts", item="country")]
    if about.family == "accounts":
        return [
            feature(kind, source="accounts", item="country=SE"),
            feature(kind, source="contracts", item="plan=pro"),
        ]
    if about.family == "states":
        days = 9 if about.windowed else None
        return [feature(kind, source="surveys", item="x", days=days)]
    return [
        feature(kind, source=source, item=item, days=days)
        for source in ("product", "plans")
        if source == "plans" or about.family == "events"
        for item in (None, "a", "b", "never seen")
        for days in _windows(item, windowed=about.windowed)
    ]


def _windows(item, *, windowed):
    if not windowed:
        return (None,)
    return (14,) if item in ("b", "never seen") else (3, 14)


SPECS = [spec for kind in KINDS for spec in specs_of(kind)]
GRID = [(a, d) for a in range(ACCOUNTS) for d in (-3, 5, 18, 31, 47, LAST_DAY + 6)]
ACCOUNT, AS_OF = (np.array(column) for column in zip(*GRID, strict=True))

thorough = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def computed(history, account=ACCOUNT, as_of=AS_OF, **more):
    return compute(history, SPECS, account=account, as_of=as_of, gap_days=GAP, **more)


def same_bits(one, other):
    """Compare outside of `assert`, which would list how thousands of bytes differ."""
    return one.tobytes() == other.tobytes()


def agrees_with_plain_python(business, run=computed, every=1):
    history = history_of(business)
    values = run(history)
    for row, (account, as_of) in enumerate(GRID):
        for spec, got in list(zip(SPECS, values[row], strict=True))[::every]:
            want = expected(business, history, spec, account, as_of, GAP)
            assert same(got, want), (spec.name, account, as_of, got, want)


def other_futures_change_nothing(business, other, as_of, run=computed):
    account = np.arange(ACCOUNTS)
    when = np.full(ACCOUNTS, as_of)
    ours = run(history_of(business), account, when)
    theirs = run(history_of(retold(business, other, as_of)), account, when)
    assert same_bits(ours, theirs)


def test_every_kind_has_a_function_and_every_function_a_kind():
    assert set(KINDS) == COMPUTED
    assert {spec.kind for spec in SPECS} == COMPUTED


@settings(thorough, max_examples=25)
@given(businesses())
def test_every_feature_equals_plain_python_to_the_last_bit(business):
    agrees_with_plain_python(business)


@settings(thorough, max_examples=25)
@given(businesses())
def test_a_snapshot_alone_is_what_it_is_among_many_to_the_last_bit(business):
    history = history_of(business)
    whole = computed(history)
    for row in range(len(GRID)):
        alone = computed(history, ACCOUNT[row : row + 1], AS_OF[row : row + 1])
        assert same_bits(alone, whole[row]), GRID[row]


@settings(thorough, max_examples=200)
@given(businesses(), businesses(), st.integers(-3, LAST_DAY + 10))
def test_rows_that_become_known_later_change_no_bit(business, other, as_of):
    other_futures_change_nothing(business, other, as_of)


@thorough
@given(businesses(), businesses(), st.integers(-3, LAST_DAY + 10))
def test_default_features_are_chosen_from_known_rows_alone(business, other, as_of):
    other = retold(business, other, as_of)
    ours, theirs = (
        default_specs(history_of(b), windows_days=(7, 14), known_before=as_of)
        for b in (business, other)
    )
    assert ours == theirs


def _a_day_ahead(history, account=ACCOUNT, as_of=AS_OF):
    """``known_at <= as_of`` where it must be ``<``."""
    return computed(history, account, as_of + 1)


def _nothing_is_late(history, account=ACCOUNT, as_of=AS_OF):
    """``happened_at`` read where ``known_at`` must be."""
    logs = tuple(replace(log, known_at=log.happened_at) for log in history.events)
    return computed(replace(history, events=logs), account, as_of)


def _late_rows_kept(history, account=ACCOUNT, as_of=AS_OF):
    """The correction for late rows left out."""
    none = np.zeros(0, dtype=np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rows, "late", lambda _: (none, none))
        return computed(history, account, as_of)


mutants = pytest.mark.parametrize(
    "mutant", [_a_day_ahead, _nothing_is_late, _late_rows_kept]
)
until_it_fails = settings(
    thorough,
    max_examples=300,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
)


@mutants
def test_plain_python_catches_a_kernel_that_peeks(mutant):
    @until_it_fails
    @given(businesses())
    def property_(business):
        agrees_with_plain_python(business, mutant, every=9)

    with pytest.raises(AssertionError):
        property_()


@mutants
def test_other_futures_catch_a_kernel_that_peeks(mutant):
    @until_it_fails
    @given(businesses(), businesses(), st.integers(5, LAST_DAY))
    def property_(business, other, as_of):
        other_futures_change_nothing(business, other, as_of, mutant)

    with pytest.raises(AssertionError):
        property_()


@thorough
@given(businesses(), st.randoms(use_true_random=False), st.integers(1, 40))
def test_batches_order_threads_and_company_change_no_bit(business, random, batch):
    history = history_of(business)
    whole = computed(history)
    order = random.sample(range(len(GRID)), len(GRID))
    shuffled = computed(history, ACCOUNT[order], AS_OF[order], batch_rows=batch)
    assert same_bits(shuffled, whole[order])
    for threads in (1, 3):
        again = computed(history, batch_rows=1, threads=threads)
        assert same_bits(again, whole)
    row = order[0]
    account, as_of = GRID[row]
    alone = history.batch(account, account + 1)
    one = features_of_one(alone, SPECS, as_of=as_of, gap_days=GAP)
    assert same_bits(one, whole[row])


def test_a_batch_is_let_go_when_its_turn_is_over():
    history = history_of(_empty())
    gc.disable()
    try:
        computed(history, batch_rows=1)
        assert not any(isinstance(left, Events) for left in gc.get_objects())
    finally:
        gc.enable()


def _empty():
    return Business(
        accounts=ACCOUNTS,
        profiles=((0, None),) * ACCOUNTS,
        events={"product": (), "plans": ()},
    )


def test_empty_tables_give_missing_features_not_an_error():
    values = computed(history_of(_empty()))
    assert np.isnan(values).all()


def test_no_snapshots_and_no_features_give_empty_tables():
    history = history_of(_empty())
    none = np.zeros(0, dtype=np.int64)
    assert computed(history, none, none).shape == (0, len(SPECS))
    empty = compute(history, [], account=ACCOUNT, as_of=AS_OF, gap_days=GAP)
    assert empty.shape == (len(GRID), 0)


def test_a_source_that_is_not_there_is_refused_by_name():
    spec = feature("count", source="billing", days=7)
    with pytest.raises(InputError, match=r"CH350.*events billing"):
        compute(
            history_of(_empty()), [spec], account=ACCOUNT, as_of=AS_OF, gap_days=GAP
        )


def test_seats_need_contracts():
    history = replace(history_of(_empty()), contracts=None)
    spec = feature("users_share", source="product", days=7)
    with pytest.raises(InputError, match="contracts"):
        compute(history, [spec], account=ACCOUNT, as_of=AS_OF, gap_days=GAP)


def test_a_table_keeps_its_rows_and_names_and_tells_how_far_it_is():
    told = []
    table = feature_table(
        history_of(_empty()),
        SPECS[:2],
        account=ACCOUNT,
        as_of=AS_OF,
        gap_days=GAP,
        batch_rows=1,
        progress=lambda done, total: told.append((done, total)),
    )
    assert table.names == (SPECS[0].name, SPECS[1].name)
    assert told == [(6, 18), (12, 18), (18, 18)]
