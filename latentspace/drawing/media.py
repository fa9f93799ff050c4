"""uint8 frames -> PNG, GIF, MP4."""

import contextlib
import io
import itertools
import math
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from latentspace.core.files import UnwritableError, make_temporary_file
from latentspace.core.pixels import to_pil

MP4_QUALITY = 18  # constant rate factor of x264: visually without loss
# The same frames give the same file: no names of programs in it, and never a time.
NOTHING_MORE = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact")
GIF_TICK = 10  # milliseconds; the format knows no finer time
GIF_LEAST_DELAY = 30  # milliseconds; browsers or viewers show what is shorter for up to 100
GIF_MOST_FPS = 1000 / GIF_LEAST_DELAY
GIF_COLORS = 255
SEEN_GREYS = 127  # more are hardly told apart, and 128 with the one for what stays take 7 bits
MOST_BYTES = {".png": 4_000_000, ".gif": 5_000_000}  # of a file; an MP4 is small as it is
NEARLY_WHITE = 240  # what the choice of colours makes of white and the greys next to it
OPTIMIZED_PIXELS = 4_000_000  # what is larger is compressed in a third of the time, 5% larger


class DrawnFrames:
    """The frames of an animation, each drawn when it is asked for and kept by nobody."""

    def __init__(self, count: int, draw: Callable[[int], np.ndarray]) -> None:
        """Takes the number of frames, and what draws a frame, uint8 (H, W, 3), by its number."""
        self._numbers, self._draw = range(count), draw

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._draw(self._numbers[index])

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self._draw, self._numbers)


Frames = np.ndarray | DrawnFrames


def get_first_frame(frames: Frames) -> np.ndarray:
    """A still as it is, or the first frame of an animation, uint8 (H, W, 3)."""
    return frames if isinstance(frames, np.ndarray) and frames.ndim == 3 else frames[0]


def encode_image(image: Image.Image, kind: str, **options: Any) -> bytes:
    """An image of Pillow as the bytes of a file of some kind, with options of `Image.save`."""
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


@dataclass(frozen=True)
class Economy:
    """What is given up so that a file stays small. By itself it gives up nothing."""

    colors: int | None = None  # colours, or greys, that are kept at most; None: what the format can
    tolerance: int = 0  # levels of 255: a pixel of a GIF that is off by no more stays as it is
    stride: int = 1  # of so many frames of a GIF one is shown, for as long as all of them
    reduction: int = 1  # so many pixels in each direction become one, their mean
    gain: float = math.inf  # at most about so many times smaller a file becomes
    is_seen: bool = True  # whether anybody would see what is given up

    @property
    def note(self) -> str:
        """A sentence for the caption; empty where nobody would see what is given up."""
        if not self.is_seen:
            return ""
        given_up = [f"has {self.colors} colours"]
        given_up += [f"shows one frame of {self.stride}"] if self.stride > 1 else []
        given_up += [f"is {self.reduction} times smaller"] if self.reduction > 1 else []
        return f"To keep the file small, the picture {' and '.join(given_up)}."


EVERYTHING = Economy(gain=1.0, is_seen=False)
STILL_ECONOMIES = (EVERYTHING, Economy(256), Economy(64), Economy(16))
MOVING_ECONOMIES = (
    EVERYTHING,
    Economy(GIF_COLORS, tolerance=4, gain=8.0, is_seen=False),
    Economy(GIF_COLORS, tolerance=8, gain=15.0, is_seen=False),
    Economy(127, tolerance=8, gain=20.0),
    Economy(63, tolerance=16),
)


def list_economies(suffix: str, frames: Frames) -> Iterator[Economy]:
    """What to try in turn until a file has `MOST_BYTES` or less; in the end something does."""
    economies = {".png": STILL_ECONOMIES, ".gif": MOVING_ECONOMIES}.get(suffix, (EVERYTHING,))
    yield from economies
    least = economies[-1]
    if suffix == ".gif":
        for power in range(1, math.ceil(math.log2(len(frames))) + 1):
            yield (least := replace(least, stride=2**power))
    for power in itertools.count(1):
        yield replace(least, reduction=2**power)


def encode_png(frame: np.ndarray, economy: Economy = EVERYTHING) -> bytes:
    """Encodes one frame, uint8 (H, W, 3), without loss but for an economy; grey stays grey."""
    frame = _reduce(frame, economy)
    is_large = frame.shape[0] * frame.shape[1] > OPTIMIZED_PIXELS
    image = to_pil(frame[..., :1] if _is_grey(frame) else frame)
    if economy.colors is not None and (image.mode == "RGB" or economy.colors < 256):
        image = image.quantize(economy.colors)
    return encode_image(image, "PNG", optimize=not is_large)


def encode_gif(frames: Frames, *, fps: float, economy: Economy = EVERYTHING) -> bytes:
    """Encodes frames, uint8 (T, H, W, 3), as a GIF that loops for ever.

    Grey frames keep all 256 greys exactly; coloured ones get a palette of 255 colours, made from
    the first, the middle and the last frame, which leaves one entry for what stays as it was from
    one frame to the next. Frames that repeat their predecessor become one frame that is shown
    longer. Each frame begins at the multiple of 10 ms nearest to its time, so that the length is
    right also where the format can't show a frame for 1 / fps. Above `GIF_MOST_FPS` frames are left
    out, and the length stays right. The economy says what else is given up.
    """
    kept, delays = _plan_gif(len(frames), fps, economy.stride)
    samples = [_reduce(frames[index], economy) for index in (0, len(frames) // 2, -1)]
    is_grey = all(map(_is_grey, samples))
    keeps_greys = is_grey and economy.colors is None
    palette = None
    if not is_grey:
        palette = _make_palette(np.concatenate(samples), economy.colors or GIF_COLORS)
    shown: np.ndarray | None = None

    def encode_frame(frame: np.ndarray) -> Image.Image:
        nonlocal shown
        frame = _reduce(frame, economy)[..., : 1 if is_grey else 3]
        if shown is not None and economy.tolerance:
            off = np.maximum(frame, shown) - np.minimum(frame, shown)
            frame = np.where((off > economy.tolerance).any(axis=-1, keepdims=True), frame, shown)
        shown = frame
        if palette is not None:
            return to_pil(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        return to_pil(frame) if keeps_greys else _quantize_greys(frame, economy)

    images = (encode_frame(frames[index]) for index in kept)
    moving = {"save_all": True, "append_images": images, "duration": delays, "loop": 0}
    return encode_image(next(images), "GIF", **moving, optimize=not keeps_greys)


def _plan_gif(count: int, fps: float, stride: int = 1) -> tuple[list[int], list[int]]:
    """Which of so many frames a GIF shows, and each for how many milliseconds."""
    times = np.rint(np.arange(count + 1) * 1000 / fps / GIF_TICK).astype(int) * GIF_TICK
    kept = [0]
    for index in range(stride, count, stride):
        if min(times[index] - times[kept[-1]], times[-1] - times[index]) >= GIF_LEAST_DELAY:
            kept.append(index)
    delays = np.diff([*times[kept], max(times[-1], GIF_LEAST_DELAY)])
    return kept, delays.tolist()


def encode_mp4(frames: Frames, *, fps: float) -> bytes:
    """Encodes frames, uint8 (T, H, W, 3), as H.264 in an MP4 that players show (yuv420p).

    Odd sides get one white row or column; nothing is rescaled. Raises an `UnwritableError` where
    the encoder failed, as where there is no room for temporary files.
    """
    import imageio_ffmpeg

    height, width = (side + side % 2 for side in frames[0].shape[:2])
    with make_temporary_file(".mp4") as path:
        # Not through imageio_ffmpeg.write_frames, which does not tell when an encoder fails.
        command = [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error"),
            *("-f", "rawvideo", "-s", f"{width}x{height}", "-pix_fmt", "rgb24"),
            *("-r", f"{fps:.6f}", "-i", "-", "-an", "-c:v", "libx264"),
            *("-pix_fmt", "yuv420p", "-crf", str(MP4_QUALITY), "-movflags", "+faststart"),
            *(*NOTHING_MORE, str(path)),
        ]
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        with encoder:
            assert encoder.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # the encoder has ended, and says why
                for frame in frames:
                    missing = ((0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0))
                    padded = np.pad(frame, missing, constant_values=255)
                    encoder.stdin.write(np.ascontiguousarray(padded).data)
            said = encoder.communicate()[1].decode(errors="replace").split("\n")
        if encoder.returncode:
            raise UnwritableError(
                f"an MP4 can't be made in {path.parent} ({said[0]}): make room there, or name "
                "another folder in the environment variable TMPDIR"
            )
        return path.read_bytes()


def encode_as(suffix: str, frames: Frames, *, fps: float, economy: Economy = EVERYTHING) -> bytes:
    """Encodes uint8 (T, H, W, 3) as .gif or .mp4, or (H, W, 3) as .png, with an economy."""
    if suffix == ".png":
        return encode_png(np.asarray(frames), economy)
    if suffix == ".gif":
        return encode_gif(frames, fps=fps, economy=economy)
    return encode_mp4(frames, fps=fps)


def _reduce(frame: np.ndarray, economy: Economy) -> np.ndarray:
    factor = economy.reduction
    return frame if factor == 1 else np.asarray(to_pil(frame).reduce(factor))


def _quantize_greys(frame: np.ndarray, economy: Economy) -> Image.Image:
    """A grey frame, uint8 (H, W, 1), in fewer greys, evenly spaced from black to white."""
    count = min(economy.colors or SEEN_GREYS, SEEN_GREYS)
    nearest = np.rint(np.arange(256) / 255 * (count - 1)).astype(np.uint8)
    image = to_pil(nearest[frame])
    image.putpalette(np.linspace(0, 255, count).round().astype(int).repeat(3).tolist())
    return image


def _make_palette(sample: np.ndarray, count: int) -> Image.Image:
    """A carrier of the colours that suit a picture best; paper stays white."""
    palette = Image.fromarray(sample).quantize(count)
    colors = np.array(palette.getpalette()).reshape(-1, 3)
    colors[(colors >= NEARLY_WHITE).all(axis=1)] = 255
    palette.putpalette(colors.ravel().tolist())
    return palette


def _is_grey(frame: np.ndarray) -> bool:
    return bool((frame == frame[..., :1]).all())
