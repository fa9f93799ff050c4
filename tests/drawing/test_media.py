from __future__ import annotations

import contextlib
import io
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from latentspace.core.errors import InputError
from latentspace.core.pixels import to_rgb
from latentspace.drawing import media
from latentspace.drawing.media import encode_gif, encode_png


def read_gif(data: bytes) -> tuple[list[np.ndarray], list[int], Image.Image]:
    image = Image.open(io.BytesIO(data))
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        frames.append(np.asarray(frame.convert("RGB")))
        durations.append(frame.info["duration"])
    return frames, durations, image


@pytest.mark.parametrize("color", [False, True])
def test_png_is_exact(color: bool) -> None:
    frame = to_rgb(np.arange(256, dtype=np.uint8).reshape(16, 16, 1)).copy()
    if color:
        frame[..., 2] = frame[::-1, :, 2]
    image = Image.open(io.BytesIO(encode_png(frame)))
    assert image.mode == ("RGB" if color else "L")
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), frame)


def test_gif_keeps_all_256_greys_in_every_frame() -> None:
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    frames = to_rgb(np.stack([np.roll(greys, 5 * step, axis=1) for step in range(7)]))
    read, durations, image = read_gif(encode_gif(frames, fps=20))
    np.testing.assert_array_equal(np.stack(read), frames)
    assert len(np.unique(read[3])) == 256
    assert durations == [50] * 7
    assert image.info["loop"] == 0


def test_gif_durations_add_up_where_one_frame_cannot_be_shown_exactly() -> None:
    frames = to_rgb(np.arange(60, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2))
    _, durations, _ = read_gif(encode_gif(frames, fps=30))
    assert set(durations) == {30, 40}
    assert sum(durations) == 2000


@pytest.mark.parametrize("fps", [33.4, 50, 60, 75, 100, 240])
@pytest.mark.parametrize("count", [1, 2, 33, 97])
def test_gif_of_many_frames_a_second_is_not_slowed_down_by_browsers(fps: float, count: int) -> None:
    greys = np.arange(count, dtype=np.uint8)
    frames = to_rgb(greys[:, None, None, None].repeat(4, 1).repeat(4, 2))
    drawn = media.DrawnFrames(count, lambda index: frames[index])
    read, durations, _ = read_gif(encode_gif(drawn, fps=fps))
    assert min(durations) >= 30
    assert abs(sum(durations) - 1000 * count / fps) <= 5 or sum(durations) == 30
    shown = np.array([int(frame[0, 0, 0]) for frame in read])
    began = np.cumsum([0, *durations[:-1]])
    np.testing.assert_allclose(began, shown * 1000 / fps, atol=5)  # each at its own time


def test_gif_shows_repeated_frames_longer() -> None:
    values = np.array([0, 0, 0, 9, 80, 80], np.uint8)
    frames = to_rgb(values[:, None, None, None].repeat(4, 1).repeat(4, 2))
    read, durations, _ = read_gif(encode_gif(frames, fps=10))
    assert [frame[0, 0, 0] for frame in read] == [0, 9, 80]
    assert durations == [300, 100, 200]


def test_coloured_gif_keeps_few_colours_exactly() -> None:
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    frames[0, :4] = (200, 30, 40)
    frames[0, 4:] = (10, 90, 250)
    frames[1] = frames[0][::-1]
    read, _, _ = read_gif(encode_gif(frames, fps=10))
    np.testing.assert_array_equal(np.stack(read), frames)


def test_small_grey_frames_are_written_as_pillow_writes_them() -> None:
    frames = to_rgb(np.random.default_rng(0).integers(0, 256, (6, 28, 28, 1), np.uint8))
    first, *others = (Image.fromarray(frame[..., 0]) for frame in frames)
    buffer = io.BytesIO()
    first.save(
        buffer,
        "GIF",
        save_all=True,
        append_images=others,
        duration=[50] * 6,
        loop=0,
        optimize=False,
    )
    assert next(iter(media.list_economies(".gif", frames))) == media.EVERYTHING
    assert media.encode_as(".gif", frames, fps=20) == buffer.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_pixel_stays_while_it_is_off_by_little(channels: int) -> None:
    noise = np.random.default_rng(0).normal(0, 3, (12, 30, 30, channels)).cumsum(axis=0)
    frames = to_rgb(np.rint(128 + noise).clip(0, 255).astype(np.uint8)).copy()
    frames[:, :5] = 255
    whole = encode_gif(frames, fps=20)
    small = encode_gif(frames, fps=20, economy=media.Economy(127, tolerance=8))
    assert len(small) < len(whole) / 2
    read = np.stack(read_gif(small)[0]).astype(int)
    assert (read[:, :5] == 255).all()
    if channels == 1:
        assert np.abs(read - frames).max() <= 8 + 1
    exact = np.stack(read_gif(whole)[0]).astype(int)
    assert np.abs(read - frames).mean() < np.abs(exact - frames).mean() + 6


def test_every_frame_is_shown_as_long_as_the_frames_that_are_left_out() -> None:
    frames = to_rgb(np.arange(10, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2))
    read, durations, _ = read_gif(encode_gif(frames, fps=20, economy=media.Economy(stride=4)))
    assert [frame[0, 0, 0] for frame in read] == [0, 4, 8]
    assert durations == [200, 200, 100]


def test_mp4_has_all_frames_padded_to_even_sides_at_the_right_speed() -> None:
    frames = np.zeros((8, 31, 45, 3), np.uint8)
    frames[4:] = 200
    data = media.encode_mp4(frames, fps=12.5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        path.write_bytes(data)
        program = imageio_ffmpeg.get_ffmpeg_exe()
        output = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-")
        played = subprocess.run([program, "-i", path, *output], capture_output=True, check=True)
    assert re.search(rb"Video: h264 .*yuv420p.* 46x32.* 12.50? fps", played.stderr)
    read = np.frombuffer(played.stdout, np.uint8).reshape(8, 32, 46, 3)
    assert read[0][:31, :45].max() < 30
    assert abs(int(np.median(read[7][:31, :45])) - 200) < 6
    assert read[0][31, 20].min() > 200  # padded with white, not rescaled


def test_files_are_encoded_by_their_suffix() -> None:
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    assert media.encode_as(".png", frames[0], fps=1).startswith(b"\x89PNG")
    assert media.encode_as(".gif", frames, fps=1).startswith(b"GIF8")
    assert b"ftyp" in media.encode_as(".mp4", frames, fps=1)[:16]


def test_frames_that_are_drawn_one_by_one_become_the_same_files() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (5, 12, 10, 3), dtype=np.uint8)
    asked: list[int] = []

    def draw(number: int) -> np.ndarray:
        asked.append(number)
        return frames[number]

    drawn = media.DrawnFrames(5, draw)
    assert len(drawn) == 5
    np.testing.assert_array_equal(drawn[-1], frames[-1])
    np.testing.assert_array_equal(np.stack([drawn[number] for number in (1, 2, 3)]), frames[1:4])
    with pytest.raises(IndexError):
        drawn[5]
    assert encode_gif(drawn, fps=10) == encode_gif(frames, fps=10)
    assert media.encode_mp4(drawn, fps=10) == media.encode_mp4(frames, fps=10)
    assert max(asked.count(number) for number in range(5)) <= 6


def test_paper_stays_white_in_a_coloured_gif() -> None:
    rng = np.random.default_rng(0)
    frames = np.full((3, 60, 60, 3), 255, np.uint8)
    frames[:, 20:40, 20:40] = rng.integers(0, 255, (3, 20, 20, 3))
    read, _, _ = read_gif(encode_gif(frames, fps=10))
    assert (np.stack(read)[:, :20] == 255).all()


@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    colored=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_any_picture_comes_back_from_a_png(size: tuple[int, int], colored: bool, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (*size, 3 if colored else 1), np.uint8)
    frame = to_rgb(values)
    image = Image.open(io.BytesIO(encode_png(frame)))
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), frame)


@given(
    order=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    fps=st.floats(1, 33),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_any_grey_frames_come_back_from_a_gif_and_are_shown_as_long(
    order: list[int], fps: float, seed: int
) -> None:
    greys = np.random.default_rng(seed).integers(0, 256, (4, 5, 4, 1), np.uint8)
    frames = to_rgb(greys[order])
    times = np.rint(np.arange(len(order) + 1) * 100 / fps).astype(int) * 10
    read, durations, _ = read_gif(encode_gif(frames, fps=fps))
    starts = [0, *(n for n in range(1, len(order)) if order[n] != order[n - 1])]
    assert len(read) == len(starts)
    np.testing.assert_array_equal(np.stack(read), frames[starts])
    ends = [*starts[1:], len(order)]
    expected = [times[end] - times[start] for start, end in zip(starts, ends, strict=True)]
    assert durations == expected


def test_an_encoder_that_fails_leaves_no_part_of_an_mp4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def nowhere(suffix: str) -> Iterator[Path]:
        yield tmp_path / "missing" / f"a{suffix}"

    monkeypatch.setattr(media, "make_temporary_file", nowhere)
    frames = np.zeros((40, 64, 64, 3), np.uint8)
    with pytest.raises(InputError, match=r"an MP4 can't be made in .*missing.*TMPDIR"):
        media.encode_mp4(frames, fps=10)
