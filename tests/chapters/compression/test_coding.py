from __future__ import annotations

import numpy as np
import pytest
from constriction import stream

from latentspace.chapters.compression import codecs, coding, methods
from latentspace.chapters.compression.methods import Method, compare_codes, find_best_within


@pytest.fixture
def codes() -> np.ndarray:
    """float32 (3000, 5): units of several widths, one that never moves."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(3000, 5)) * [1, 2, 0.1, 0, 5] + 3).astype(np.float32)


def decode(data: bytes, quantiser: coding.Quantiser, count: int) -> np.ndarray:
    """What `Quantiser.encode` wrote, int32 (count, D)."""
    decoder = stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))
    symbols = np.zeros((count, len(quantiser.low)), np.int32)
    for unit in np.flatnonzero(quantiser.levels > 1):
        weights = quantiser.counts[unit, : quantiser.levels[unit]] + coding.SMOOTHING
        model = stream.model.Categorical(weights / weights.sum(), perfect=False)
        symbols[:, unit] = decoder.decode(model, count)
    return symbols


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
def test_codes_come_back_from_bytes_to_the_very_cell(codes: np.ndarray, bits: int) -> None:
    quantiser = coding.fit_by_range(codes[:2000], bits)
    symbols = quantiser.quantise(codes[2000:] * 1.5)  # some beyond the ranges
    assert 0 <= symbols.min() <= symbols.max() < 2**bits
    np.testing.assert_array_equal(decode(quantiser.encode(symbols), quantiser, 1000), symbols)


def test_errors_grow_as_bits_fall_and_a_still_unit_is_exact(codes: np.ndarray) -> None:
    errors = []
    for bits in (8, 6, 4, 3, 2):
        quantiser = coding.fit_by_range(codes, bits)
        back = quantiser.dequantise(quantiser.quantise(codes))
        np.testing.assert_allclose(back[:, 3], 3)
        errors.append(np.square(back - codes)[:, [0, 1, 2, 4]].mean(axis=0))
    assert (np.diff(errors, axis=0) > 0).all()


def test_one_far_value_does_not_cost_all_others_their_precision(codes: np.ndarray) -> None:
    codes[0, 0] = 25
    quantiser = coding.fit_by_range(codes, 4)
    back = quantiser.dequantise(quantiser.quantise(codes))
    assert np.median(np.abs(back - codes)[:, 0]) < 0.3


def test_one_step_gives_each_unit_its_bits_by_its_width(codes: np.ndarray) -> None:
    quantiser = coding.fit_by_step(codes, 0.5)
    symbols = quantiser.quantise(codes)
    assert np.abs(quantiser.dequantise(symbols) - codes).max() <= 0.5
    assert quantiser.levels[3] == 1
    assert quantiser.levels[4] > quantiser.levels[1] > quantiser.levels[0] > quantiser.levels[2]
    data = quantiser.encode(symbols)
    np.testing.assert_array_equal(decode(data, quantiser, len(codes)), symbols)
    shares = [np.bincount(unit) / len(unit) for unit in symbols.T]
    entropy = sum(-(p[p > 0] * np.log2(p[p > 0])).sum() for p in shares) * len(codes) / 8
    assert entropy - 1 <= len(data) <= entropy * 1.01 + 16
    assert quantiser.table_bytes == quantiser.levels.sum() * coding.ENTRY_BYTES


def make_images(count: int, height: int, width: int, channels: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    ys, xs = np.mgrid[:height, :width]
    waves = np.sin(xs / rng.uniform(2, 5, (count, 1, 1)) + ys / rng.uniform(2, 5, (count, 1, 1)))
    grey = np.rint((waves + 1) * 127).astype(np.uint8)
    return np.stack([np.roll(grey, shift, axis=1) for shift in range(channels)], axis=-1)


@pytest.mark.parametrize("shape", [(1, 14, 11, 1), (7, 14, 11, 1), (5, 9, 16, 3), (3, 28, 28, 1)])
@pytest.mark.parametrize("codec", codecs.list_available(), ids=lambda codec: codec.name)
def test_images_come_back_in_their_shape(codec: codecs.Codec, shape: tuple[int, ...]) -> None:
    pixels = make_images(*shape)
    errors, sizes = [], []
    for quality in codec.qualities:
        size, back = codecs.store_in_sheets(pixels, codec, quality, block=8)
        assert back.shape == pixels.shape
        assert back.dtype == np.uint8
        files = [
            codecs.encode_image(sheet, codec, quality) for sheet in codecs.make_sheets(pixels, 8)
        ]
        assert size == sum(map(len, files))
        errors.append(np.abs(back.astype(float) - pixels).mean())
        sizes.append(size)
    assert np.all(np.diff(sizes) >= 0)
    assert errors[-1] <= errors[0]
    if codec.is_lossless:
        assert errors == [0]
    for quality in codec.half_qualities:
        _, back = codecs.store_in_sheets(pixels, codec, quality, halved=True)
        assert back.shape == pixels.shape
    if codec.is_small:
        alone, back = codecs.store_alone(pixels, codec, codec.qualities[-1])
        assert back.shape == pixels.shape
        assert alone == sum(len(codecs.encode_image(i, codec, codec.qualities[-1])) for i in pixels)
    assert codecs.find_best_block(pixels, codec) in codecs.BLOCKS
    if codec.half_qualities:
        assert codecs.find_best_block(pixels, codec, halved=True) in codecs.BLOCKS


@pytest.mark.parametrize("block", [1, 8, 16])
def test_sheets_hold_every_image_once(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "SHEET_SIDE", 64)
    pixels = make_images(23, 14, 11, 3)
    made = codecs.make_sheets(pixels, block)
    assert len(made) > 1
    assert max(side for sheet in made for side in sheet.shape[:2]) <= 64
    np.testing.assert_array_equal(codecs.split_sheets(made, pixels.shape, block), pixels)


def make_method(sizes: list[float], mse: list[float], tables: float = 0.0) -> Method:
    return Method(
        settings=np.array([f"{size:g}" for size in sizes]),
        sizes=np.array(sizes),
        mse=np.array(mse),
        ssim=1 - np.array(mse),
        tables=np.full(len(sizes), tables),
        shown=np.zeros((len(sizes), 0, 2, 2, 1), np.uint8),
    )


def test_curves_are_read_along_their_front() -> None:
    curve = np.array([10.0, 40, 20, 25]), np.array([0.1, 0.001, 0.2, 0.01])
    np.testing.assert_array_equal(methods.pareto_front(curve)[0], [10, 25, 40])
    assert methods.size_at(curve, 0.01) == pytest.approx(25)
    assert methods.size_at(curve, np.sqrt(0.1 * 0.01)) == pytest.approx(np.sqrt(10 * 25))
    assert methods.size_at(curve, 0.5) == pytest.approx(10)
    assert methods.size_at(curve, 0.0005) == np.inf
    assert methods.error_at(curve, 9) == np.inf
    assert methods.error_at(curve, 25) == pytest.approx(0.01)
    assert methods.error_at(curve, 1e6) == pytest.approx(0.001)
    assert methods.mean_ratio((curve[0] * 2, curve[1]), curve) == pytest.approx(2)
    lossless = np.array([50.0]), np.array([0.0])
    assert methods.size_at(lossless, 0.3) == pytest.approx(50)


def test_the_verdict_names_the_nearest_alternative_and_where_codes_lose() -> None:
    codes = {"codes": make_method([5, 10, 20], [0.1, 0.0102, 0.0101], tables=100)}
    others = {
        "files": make_method([10, 100, 1000], [0.1, 0.01, 0.001]),
        "linear": make_method([5, 400], [0.2, 0.005], tables=5000),
    }
    found = compare_codes(codes, others, error=0.01, decoder_bytes=9000)
    assert (found.chosen, found.chosen_bytes, found.chosen_mse) == ("codes, 10", 10, 0.0102)
    assert found.nearest == "files"
    assert found.nearest_bytes == pytest.approx(methods.size_at(others["files"].curve, 0.0102))
    assert found.break_even_images == int(np.ceil(9100 / (found.nearest_bytes - 10)))
    assert found.overtaken_by == "files"
    assert found.overtaken_at_bytes == pytest.approx(
        methods.size_at(others["files"].curve, 0.0101), rel=0.01
    )


def test_the_verdict_where_codes_are_worse_everywhere_or_never() -> None:
    good, bad = make_method([5, 10], [0.01, 0.001]), make_method([50, 90], [0.1, 0.02])
    lost = compare_codes({"codes": bad}, {"files": good}, error=0.02, decoder_bytes=10)
    assert lost.break_even_images is None
    assert lost.overtaken_at_bytes == pytest.approx(5)
    won = compare_codes({"codes": good}, {"files": bad}, error=0.001, decoder_bytes=10)
    assert (won.nearest, won.nearest_bytes, won.overtaken_at_bytes) == (None, None, None)


def test_the_best_setting_within_a_budget_or_the_smallest() -> None:
    methods = {"a": make_method([5, 10], [0.2, 0.1]), "b": make_method([8, 30], [0.05, 0.01])}
    assert find_best_within(methods, 10) == ("b", 0)
    assert find_best_within(methods, 7) == ("a", 0)
    assert find_best_within(methods, 1) == ("a", 0)
