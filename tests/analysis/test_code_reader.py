"""Attributes read off codes, and codes corrected by them, on made data."""

import numpy as np
import pytest

from latentspace.analysis.code_reader import CodeReader, fit_code_reader


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.random.default_rng(0).normal(3, 2, (600, 3))


def find_truth(codes: np.ndarray) -> np.ndarray:
    """A circle, which no direction shows, a line, noise, and what is always so."""
    centred = codes - 3
    inside = np.hypot(centred[:, 0], centred[:, 1]) < 2
    noise = np.random.default_rng(1).integers(0, 2, len(codes))
    return np.column_stack([inside, centred[:, 2], noise, np.ones(len(codes))]).astype(float)


@pytest.fixture(scope="module")
def reader(codes: np.ndarray) -> CodeReader:
    values = find_truth(codes)
    values[::10, 0] = np.nan
    return fit_code_reader(codes[:500], values[:500], np.random.default_rng(0))


def test_it_reads_codes_that_it_did_not_learn_from(codes: np.ndarray, reader: CodeReader) -> None:
    found, truth = reader.read(codes[500:]), find_truth(codes)[500:]
    halfway = (reader.standardize(0) + reader.standardize(1))[0] / 2
    assert np.mean((found[:, 0] > halfway) == truth[:, 0]) > 0.9
    assert np.corrcoef(found[:, 1], truth[:, 1])[0, 1] > 0.98
    assert (reader.quality[:2] > [0.6, 0.95]).all()
    assert (reader.quality[2:] <= [0.05, 0]).all()


def test_codes_are_corrected_until_it_reads_what_is_wanted(
    codes: np.ndarray, reader: CodeReader
) -> None:
    away = np.hypot(*(codes[500:, :2] - 3).T)
    outside = codes[500:][(away > 2) & (away < 3)]
    wanted = reader.read(outside)
    weights = np.tile(reader.quality, (len(outside), 1))
    wanted[:, 0], weights[:, 0] = reader.standardize(1)[0], 20
    moved = reader.correct(outside, wanted, weights)
    assert np.mean(find_truth(moved)[:, 0]) > 0.8
    assert np.abs(moved - outside)[:, 2].mean() < 0.1 * np.abs(moved - outside)[:, :2].mean()
    again = reader.correct(moved[:7], wanted[:7], weights[:7])  # which no number beside changes
    assert again == pytest.approx(reader.correct(moved, wanted, weights)[:7], abs=1e-5)


def test_what_is_as_wanted_or_free_stays(codes: np.ndarray, reader: CodeReader) -> None:
    as_read = reader.read(codes[:20])
    assert reader.correct(codes[:20], as_read, np.ones_like(as_read)) == pytest.approx(codes[:20])
    other = as_read + 1
    assert reader.correct(codes[:20], other, np.zeros_like(other)) == pytest.approx(codes[:20])


def test_units_that_say_nothing_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    codes = np.column_stack([rng.normal(size=80), np.zeros(80)])
    values = codes[:, :1].copy()
    reader = fit_code_reader(codes, values, rng)
    middle = codes[np.abs(codes[:, 0]) < 0.5]
    moved = reader.correct(middle, reader.read(middle) + 0.5, np.full((len(middle), 1), 50))
    step = 0.5 * values.std()
    assert moved[:, 0] - middle[:, 0] == pytest.approx(np.full(len(middle), step), rel=0.3)
    assert moved[:, 1] == pytest.approx(np.zeros(len(middle)), abs=1e-6)
    equal = np.zeros_like(codes)  # codes that say nothing at all
    silent = fit_code_reader(equal, values, rng)
    wanted = np.ones((80, 1))
    assert silent.correct(equal, wanted, wanted) == pytest.approx(equal, abs=1e-6)
    single = fit_code_reader(codes[:, :1], values, rng)
    assert single.read(codes[:, :1]).shape == (80, 1)
