"""uint8 frames -> PNG, GIF, MP4."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Callable, Iterator
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
NEARLY_WHITE = 240  # what the choice of colours makes of white and the greys next to it
OPTIMIZED_PIXELS = 4_000_000  # what is larger is compressed in a third of the time, 5% larger


class DrawnFrames:
    """The frames of an animation, each drawn when it is asked for and kept by nobody."""

    def __init__(self, count: int, draw: Callable[[int], np.ndarray]) -> None:
        """Takes the number of frames, and what draws a frame, uint8 (H, W, 3), by its number."""
        self._count, self._draw = count, draw

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> np.ndarray:
        return self._draw(range(self._count)[index])

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self._draw, range(self._count))


Frames = np.ndarray | DrawnFrames


def get_first_frame(frames: Frames) -> np.ndarray:
    """A still as it is, or the first frame of an animation, uint8 (H, W, 3)."""
    return frames if isinstance(frames, np.ndarray) and frames.ndim == 3 else frames[0]


def encode_image(image: Image.Image, kind: str, **options: Any) -> bytes:
    """An image of Pillow as the bytes of a file of some kind, with options of `Image.save`."""
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def encode_png(frame: np.ndarray) -> bytes:
    """Encodes one frame, uint8 (H, W, 3), without loss; grey pictures are stored as such."""
    is_large = frame.shape[0] * frame.shape[1] > OPTIMIZED_PIXELS
    image = to_pil(frame[..., :1] if _is_grey(frame) else frame)
    return encode_image(image, "PNG", optimize=not is_large)


def encode_gif(frames: Frames, *, fps: float) -> bytes:
    """Encodes frames as a GIF that loops for ever.

    Grey frames keep all 256 greys exactly; coloured ones get a palette of 255 colours, made from
    the first, the middle and the last frame, which leaves one entry for what stays as it was from
    one frame to the next. Frames that repeat their predecessor become one frame that is shown
    longer.

    Args:
        frames: (T, H, W, 3) uint8.
        fps: Frames per second. Each frame begins at the multiple of 10 ms nearest to its time, so
            that the length is right also where the format can't show a frame for 1 / fps. Above
            `GIF_MOST_FPS` frames are left out, and the length stays right.
    """
    kept, delays = _plan_gif(len(frames), fps)
    samples = [frames[index] for index in (0, len(frames) // 2, -1)]
    palette = _make_palette(np.concatenate(samples))
    is_grey = all(map(_is_grey, samples))

    def encode_frame(frame: np.ndarray) -> Image.Image:
        if is_grey:
            return to_pil(frame[..., :1])
        return to_pil(frame).quantize(palette=palette, dither=Image.Dither.NONE)

    images = (encode_frame(frames[index]) for index in kept)
    return encode_image(
        next(images),
        "GIF",
        save_all=True,
        append_images=images,
        duration=delays,
        loop=0,
        optimize=not is_grey,
    )


def _plan_gif(count: int, fps: float) -> tuple[list[int], list[int]]:
    """Which of so many frames a GIF shows, and each for how many milliseconds."""
    times = np.rint(np.arange(count + 1) * 1000 / fps / GIF_TICK).astype(int) * GIF_TICK
    kept = [0]
    for index in range(1, count):
        if min(times[index] - times[kept[-1]], times[-1] - times[index]) >= GIF_LEAST_DELAY:
            kept.append(index)
    delays = np.diff([*times[kept], max(times[-1], GIF_LEAST_DELAY)])
    return kept, delays.tolist()


def encode_mp4(frames: Frames, *, fps: float) -> bytes:
    """Encodes frames as H.264 in an MP4 that browsers and players show (yuv420p).

    Args:
        frames: (T, H, W, 3) uint8. Odd sides get one white row or column; nothing is rescaled.
        fps: Frames per second.

    Raises:
        UnwritableError: The encoder failed, as where there is no room for temporary files.
    """
    import imageio_ffmpeg

    height, width = (side + side % 2 for side in frames[0].shape[:2])
    with make_temporary_file(".mp4") as path:
        # Not through imageio_ffmpeg.write_frames, which does not tell when an encoder fails.
        encoder = subprocess.Popen(
            [
                *(imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error"),
                *("-f", "rawvideo", "-s", f"{width}x{height}", "-pix_fmt", "rgb24"),
                *("-r", f"{fps:.6f}", "-i", "-", "-an", "-c:v", "libx264"),
                *("-pix_fmt", "yuv420p", "-crf", str(MP4_QUALITY), "-movflags", "+faststart"),
                *NOTHING_MORE,
                str(path),
            ],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
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


def encode_as(suffix: str, frames: Frames, *, fps: float) -> bytes:
    """Encodes frames as the kind of file that a suffix names.

    Args:
        suffix: ".png", ".gif" or ".mp4".
        frames: uint8 (H, W, 3) for .png, else (T, H, W, 3).
        fps: Frames per second of an animation.
    """
    if suffix == ".png":
        return encode_png(np.asarray(frames))
    return {".gif": encode_gif, ".mp4": encode_mp4}[suffix](frames, fps=fps)


def _make_palette(sample: np.ndarray) -> Image.Image:
    """A carrier of the 255 colours that suit a picture best; paper stays white."""
    palette = Image.fromarray(sample).quantize(GIF_COLORS)
    colors = np.array(palette.getpalette()).reshape(-1, 3)
    colors[(colors >= NEARLY_WHITE).all(axis=1)] = 255
    palette.putpalette(colors.ravel().tolist())
    return palette


def _is_grey(frame: np.ndarray) -> bool:
    return bool((frame == frame[..., :1]).all())
