"""DataLoader: every sample once an epoch, the same batches from any position and any thread."""

import threading
import time

import numpy as np
import pytest

from minigen.data import DataLoader, epoch_order, shapes

DATA = np.arange(23) * 10


def noisy(x, rng):
    return x + rng.random(len(x))


def joined(loader):
    return np.concatenate(list(loader))


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_an_epoch_visits_every_sample_in_its_order(prefetch):
    loader = DataLoader(DATA, 5, shuffle=True, seed=3, prefetch=prefetch)
    assert len(loader) == 5
    for epoch in range(3):
        assert (loader.epoch, loader.batch) == (epoch, 0)
        batches = list(loader)
        assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
        np.testing.assert_array_equal(np.concatenate(batches), DATA[epoch_order(23, 3, epoch)])


def test_without_shuffling_from_first_to_last_and_without_the_rest():
    np.testing.assert_array_equal(joined(DataLoader(DATA, 4)), DATA)
    loader = DataLoader(DATA, 4, drop_last=True)
    np.testing.assert_array_equal(joined(loader), DATA[:20])
    assert len(loader) == 5
    assert len(DataLoader(DATA[:20], 4, drop_last=True)) == len(DataLoader(DATA[:20], 4)) == 5


def test_arrays_stay_together():
    for x, y in DataLoader((DATA, -DATA), 5, shuffle=True):
        np.testing.assert_array_equal(x, -y)

    def pairs(x, y, rng):
        return x + y, rng.random()

    assert all((total == 0).all() for total, _ in DataLoader((DATA, -DATA), 5, transform=pairs))


class Squares:
    """Made when asked for."""

    def __len__(self):
        return 7

    def __getitem__(self, indices):
        assert indices.dtype == np.int64 and indices.ndim == 1
        return indices**2


def test_data_made_on_demand():
    np.testing.assert_array_equal(joined(DataLoader(Squares(), 3)), np.arange(7) ** 2)


def test_what_is_drawn_depends_on_seed_epoch_and_batch_alone():
    def epochs(**options):
        loader = DataLoader(DATA, 5, shuffle=True, transform=noisy, **options)
        return [joined(loader) for _ in range(2)]

    first, second = epochs(seed=1, prefetch=0)
    for prefetch in (1, 4):
        np.testing.assert_array_equal(epochs(seed=1, prefetch=prefetch), [first, second])
    draws = [np.sort(e % 1) for e in (first, second, epochs(seed=2)[0])]
    assert len(np.unique(draws)) == 3 * 23


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("stop", [0, 1, 4, 5, 7, 10])
def test_a_resumed_loader_goes_on_with_the_same_batches(prefetch, stop):
    def loader():
        return DataLoader(DATA, 5, shuffle=True, seed=1, transform=noisy, prefetch=prefetch)

    def run(loader, saved_at=None):
        taken, state = [], loader.state_dict()
        while len(taken) < 12:
            for batch in loader:
                taken.append(batch)
                if len(taken) == saved_at:      # as a training loop saves: within the step
                    state = loader.state_dict()
        return taken[:12], state

    whole, state = run(loader(), stop)
    resumed = loader()
    resumed.load_state_dict(state)
    np.testing.assert_array_equal(
        np.concatenate(run(resumed)[0][: 12 - stop]), np.concatenate(whole[stop:])
    )


def test_a_loop_left_early_goes_on_and_leaves_no_thread():
    loader = DataLoader(DATA, 5, prefetch=3)
    for batch in loader:
        np.testing.assert_array_equal(batch, DATA[:5])
        break
    assert (loader.epoch, loader.batch) == (0, 1)
    np.testing.assert_array_equal(joined(loader), DATA[5:])
    assert not [t for t in threading.enumerate() if t.name.startswith("DataLoader")]


def test_batches_are_made_ahead_but_not_too_many():
    made = []
    loader = DataLoader(DATA, 1, prefetch=2, transform=lambda x, rng: made.append(x[0]) or x)
    batches = iter(loader)
    next(batches)
    deadline = time.monotonic() + 10
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)        # for more to come, if more were asked for
    assert sorted(made) == [0, 10, 20]
    batches.close()


def test_an_error_of_a_transform_reaches_the_loop():
    def broken(x, rng):
        if 50 in x:
            raise ValueError("no fifties")
        return x

    loader, taken = DataLoader(DATA, 5, transform=broken), []
    with pytest.raises(ValueError, match="no fifties"):
        taken += [loader.epoch for _ in loader]
    assert (loader.epoch, loader.batch) == (0, 1)


def test_a_state_of_other_data_is_refused():
    state = DataLoader(DATA, 5, seed=1).state_dict()
    with pytest.raises(ValueError, match=r"seed was 1 and is 0, samples was 23 and is 22$"):
        DataLoader(DATA[1:], 5).load_state_dict(state)


@pytest.mark.parametrize(
    ("data", "options", "reason"),
    [
        ((DATA, DATA[1:]), {}, r"different lengths, \[22, 23\]"),
        (DATA, dict(batch_size=0), "they are 0, 0 and 2"),
        (DATA, dict(batch_size=2.5), "batch_size must be a whole number of at least 1.* 2.5, 0"),
        (DATA, dict(seed=-1), "they are 1, -1 and 2"),
        (DATA[:0], {}, "the data have 0 samples$"),
        (DATA, dict(batch_size=24, drop_last=True), "23 samples, fewer than a batch of 24; drop"),
    ],
)
def test_a_wrong_argument_is_refused(data, options, reason):
    with pytest.raises(ValueError, match=reason):
        DataLoader(data, **options)


@pytest.mark.parametrize("data", [[1, 2, 3], ([1, 2], DATA[:2]), shapes(4), None])
def test_what_cannot_be_indexed_by_many_numbers_is_refused(data):
    with pytest.raises(TypeError, match=r"tuple of arrays, not (list|Shapes|NoneType); np"):
        DataLoader(data)
