"""Float images -> uint8 frames -> PNG, GIF, MP4. The one place where pixels become bytes."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

MP4_QUALITY = 18  # constant rate factor of x264: visually without loss
GIF_TICK = 10  # milliseconds; the format knows no finer time


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Float images in [0, 1] -> uint8 in 0..255: clipped and rounded, never stretched.

    Args:
        images: Floats of any shape; not changed. What lies outside [0, 1] is clipped.

    Returns:
        uint8, the same shape.

    Raises:
        ValueError: The images are not floats, or hold a value that is not finite.
    """
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"expected float images. Received: images.dtype={images.dtype}")
    if not np.isfinite(images).all():
        raise ValueError("expected finite images. Received: NaN or infinity among the pixels")
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)


def to_rgb(pixels: np.ndarray) -> np.ndarray:
    """uint8 (..., H, W, 1 or 3) -> uint8 (..., H, W, 3)."""
    return np.broadcast_to(pixels, (*pixels.shape[:-1], 3))


def png_bytes(frame: np.ndarray) -> bytes:
    """Encodes one frame, uint8 (H, W, 3), without loss; grey pictures are stored as such."""
    buffer = io.BytesIO()
    _image(frame).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def gif_bytes(frames: np.ndarray, *, fps: float) -> bytes:
    """Encodes frames as a GIF that loops for ever.

    Grey frames keep all 256 greys exactly; coloured ones get a palette of 256 colours. Frames that
    repeat their predecessor become one frame that is shown longer.

    Args:
        frames: uint8 (T, H, W, 3).
        fps: Frames per second. Each frame begins at the multiple of 10 ms nearest to its time, so
            that the length is right also where the format can't show a frame for 1 / fps.

    Returns:
        The file's bytes.
    """
    times = np.rint(np.arange(len(frames) + 1) * 1000 / fps / GIF_TICK).astype(int) * GIF_TICK
    images = [_image(frame) for frame in frames]
    if images[0].mode == "RGB":
        palette = images[0].quantize(256)
        images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=np.diff(times).tolist(),
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def mp4_bytes(frames: np.ndarray, *, fps: float) -> bytes:
    """Encodes frames as H.264 in an MP4 that browsers and players show (yuv420p).

    Args:
        frames: uint8 (T, H, W, 3). Odd sides get one white row or column; nothing is rescaled.
        fps: Frames per second.

    Returns:
        The file's bytes.

    Raises:
        OSError: The encoder failed.
    """
    import imageio_ffmpeg

    padded = np.pad(
        frames,
        ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)),
        constant_values=255,
    )
    height, width = padded.shape[1:3]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "animation.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(path),
            (width, height),
            fps=fps,
            codec="libx264",
            quality=None,
            macro_block_size=1,
            output_params=["-crf", str(MP4_QUALITY), "-movflags", "+faststart"],
        )
        writer.send(None)
        for frame in padded:
            writer.send(np.ascontiguousarray(frame))
        writer.close()
        return path.read_bytes()


def encoded_as(suffix: str, frames: np.ndarray, *, fps: float) -> bytes:
    """Encodes frames as the kind of file that a suffix names.

    Args:
        suffix: ".png", ".gif" or ".mp4".
        frames: uint8 (H, W, 3) for .png, else (T, H, W, 3).
        fps: Frames per second of an animation.
    """
    if suffix == ".png":
        return png_bytes(frames)
    return {".gif": gif_bytes, ".mp4": mp4_bytes}[suffix](frames, fps=fps)


def _image(frame: np.ndarray) -> Image.Image:
    grey = frame[..., 0]
    if (frame == grey[..., np.newaxis]).all():
        return Image.fromarray(np.ascontiguousarray(grey))
    return Image.fromarray(np.ascontiguousarray(frame))
