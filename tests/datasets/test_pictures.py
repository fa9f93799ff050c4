from __future__ import annotations

import io
import math
import struct
import time
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import call_or_none
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from latentspace.core import memory
from latentspace.core.errors import InputError
from latentspace.datasets import pictures
from latentspace.datasets.pictures import (
    convert_to,
    crop_to,
    inspect_picture,
    list_suffixes,
    open_picture,
)


def encode(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def make_rotated() -> bytes:
    """A picture of 6x4 pixels, wide, that a camera noted as lying on its side."""
    pixels = np.zeros((4, 6), np.uint8)
    pixels[:, :3] = 255  # left becomes top
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(Image.fromarray(pixels), exif=exif)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "PPM", "WEBP", "BMP", "TIFF", "GIF"])
def test_common_formats_are_read(kind: str) -> None:
    picture = Image.new("RGB", (16, 8), (200, 30, 90))
    data = encode(picture, kind)
    assert inspect_picture(data).size == (8, 16)
    pixels = crop_to(open_picture(data, 3), (8, 16))
    assert np.abs(pixels.astype(int) - (200, 30, 90)).max() <= 6


def test_pictures_stand_upright() -> None:
    data = make_rotated()
    assert inspect_picture(data)[:2] == ((6, 4), True)
    pixels = crop_to(open_picture(data, 1), (6, 4))
    assert (pixels[:3] == 255).all()
    assert (pixels[3:] == 0).all()


def test_what_is_transparent_is_white() -> None:
    data = encode(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert (crop_to(open_picture(data, 3), (4, 4)) == 255).all()
    palette = Image.new("P", (4, 4))
    assert (crop_to(open_picture(encode(palette, transparency=0), 1), (4, 4)) == 255).all()


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    deep = Image.fromarray(np.array([[0, 32768, 65535]], np.uint16))
    for kind in ("PNG", "TIFF", "PPM"):
        data = encode(deep, kind)
        assert inspect_picture(data).grey, kind
        assert crop_to(open_picture(data, 1), (1, 3)).ravel().tolist() == [0, 128, 255], kind
    light = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert crop_to(open_picture(encode(light, "TIFF"), 1), (1, 3)).ravel().tolist() == [0, 128, 255]


def test_a_large_jpeg_is_decoded_small_enough() -> None:
    data = encode(Image.new("L", (800, 600), 90), "JPEG")
    picture = open_picture(data, 1, draft=100)
    assert 100 <= min(picture.size) < 600
    assert np.abs(crop_to(picture, (75, 100)).astype(int) - 90).max() <= 2


def test_nothing_is_stretched() -> None:
    pixels = np.zeros((10, 30), np.uint8)
    pixels[:, 10:20] = 255  # the middle
    assert (crop_to(Image.fromarray(pixels), (10, 10)) > 250).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no image"),
        (b"GIF89a", "no image|broken|.+"),
        (encode(Image.new("L", (50, 50), 7))[:60], ".+"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n", "no image"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_picture(data, 1)


def test_an_image_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(Image.new("L", (300, 300)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match="decompression bomb"):
        inspect_picture(data)


def test_names_tell_images() -> None:
    assert {".png", ".jpg", ".pgm", ".webp", ".tif", ".bmp"} <= list_suffixes()
    assert not {".eps", ".txt", ".csv", ".pdf", ".npz"} & list_suffixes()


def test_grey_and_colour_images_are_brought_to_each_other() -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1)
    assert convert_to(grey, (4, 4), 1) is grey
    colour = convert_to(grey, (4, 4), 3)
    np.testing.assert_array_equal(colour, grey.repeat(3, axis=3))
    np.testing.assert_array_equal(convert_to(colour, (4, 4), 1), grey)


def make_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(width: int, height: int, *between: bytes, values: bytes = b"") -> bytes:
    head = make_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = make_chunk(b"IDAT", zlib.compress(values))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(between) + body + make_chunk(b"IEND", b"")


ONE_PIXEL = b"\0\x80"
ENDLESS = zlib.compress(bytes(2**26), 9)  # of 65 KB come 64 MiB


@pytest.mark.parametrize("decode", [inspect_picture, lambda data: open_picture(data, 1)])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (make_png(2**31 - 1, 2**31 - 1), "decompression bomb"),
        (make_png(100_000, 100_000), "decompression bomb"),
        (
            make_png(12_000, 10_000),
            "120,000,000 pixels are more than 89,478,485 and may be a .* bomb",
        ),
        (b"P5 99999999 99999999 255\n", "decompression bomb"),
        (
            b"BM" + struct.pack("<IIIIIIHHIIIIII", 0, 0, 54, 40, 2**30, 2**30, 1, 24, *[0] * 6),
            "bomb",
        ),
    ],
)
def test_more_pixels_than_pillow_allows_without_a_warning_are_refused(
    decode, data: bytes, message: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as while a folder is read
        with pytest.raises(InputError, match=message):
            decode(data)


def test_the_limit_of_pillow_is_left_as_it_is() -> None:
    assert Image.MAX_IMAGE_PIXELS == 1024**3 // 4 // 3


@pytest.mark.parametrize(
    "data",
    [
        make_png(1, 1, make_chunk(b"iCCP", b"x\0\0" + ENDLESS), values=ONE_PIXEL),
        make_png(1, 1, make_chunk(b"zTXt", b"x\0\0" + ENDLESS), values=ONE_PIXEL),
        make_png(1, 1, make_chunk(b"iTXt", b"x\0\1\0\0\0" + ENDLESS), values=ONE_PIXEL),
        make_png(1, 1, make_chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff" + bytes(20)), values=ONE_PIXEL),
        make_png(1, 1, make_chunk(b"eXIf", b"\xff" * 200), values=ONE_PIXEL),
        make_png(1, 1, make_chunk(b"acTL", struct.pack(">II", 2**31, 0)), values=ONE_PIXEL),
        make_png(1, 1, values=bytes(2**25)),
        make_png(3, 3, values=ONE_PIXEL),
        make_png(0, 5),
        b"\x89PNG\r\n\x1a\n" + make_chunk(b"IHDR", b"1"),
        b"\xff\xd8\xff\xe1\xff\xffExif\0\0" + b"\xff" * 300,
        b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 600,
        b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(30),
        b"RIFF\xff\xff\xff\xffWEBPVP8X" + b"\xff" * 40,
        b"\0\0\1\0\xff\xff" + b"\xff" * 64,
        b"8BPS\0\1" + b"\xff" * 60,
        b"icns\0\0\0\xff" + b"ic07\0\0\0\xff" + b"\xff" * 90,
    ],
)
def test_odd_files_are_read_with_little_memory_or_refused(data: bytes) -> None:
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call_or_none(inspect_picture, data)
            found = call_or_none(open_picture, data, 1)
        assert found is None or found.mode == "L"
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


def test_of_an_animation_the_first_frame_is_read() -> None:
    frames = [Image.new("L", (8, 8), 20 * number) for number in range(9)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.asarray(open_picture(data, 1)).max() == 0, kind


def test_large_images_are_decoded_one_at_a_time_and_only_with_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "LARGE", 1000)
    data = encode(Image.new("L", (50, 50)))
    busy, most = [], []
    original = pictures.to_bytes

    def counted(picture, value_range):
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.01)
        busy.pop()
        return original(picture, value_range)

    monkeypatch.setattr(pictures, "to_bytes", counted)
    deep = encode(Image.fromarray(np.zeros((50, 50), np.uint16)))
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(lambda _: open_picture(deep, 1), range(8)))) == 8
    assert most == [1] * 8
    monkeypatch.setattr(memory, "measure_available", lambda: 30_000)
    with pytest.raises(InputError, match=r"a picture of 2,500 pixels needs 40 KB of memory"):
        open_picture(data, 1)


@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA", "PCX"]),
    st.data(),
)
@settings(max_examples=150)
def test_damaged_images_are_read_or_refused(kind: str, data: st.DataObject) -> None:
    whole = bytearray(encode(Image.new("RGB", (20, 16), (9, 99, 200)), kind))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(1, len(whole)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call_or_none(inspect_picture, damaged)
        found = call_or_none(open_picture, damaged, 3)
    assert found is None or found.mode == "RGB"


@pytest.mark.parametrize(
    ("found", "size"), [((3, 4), (6, 8)), ((3, 4), (4, 5)), ((6, 8), (3, 4)), ((3, 8), (6, 4))]
)
def test_padding_keeps_the_scale(found: tuple[int, int], size: tuple[int, int]) -> None:
    image = np.arange(1, math.prod(found) + 1, dtype=np.uint8).reshape(found)
    result = crop_to(Image.fromarray(image), size, fit="pad")[..., 0]
    before = [max(0, (new - old) // 2) for old, new in zip(found, size, strict=True)]
    after = [max(0, new - old) - ahead for old, new, ahead in zip(found, size, before, strict=True)]
    padded = np.pad(image, list(zip(before, after, strict=True)))
    top, left = (max(0, (old - new + 1) // 2) for old, new in zip(found, size, strict=True))
    np.testing.assert_array_equal(result, padded[top : top + size[0], left : left + size[1]])


def encode_sixteen_bits(values: np.ndarray) -> bytes:
    """uint16 (H, W, 1 to 4) as the PNG file that other programs write; Pillow writes none."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, content: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + end

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    ends = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(ends)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_of_colour_are_known_to_be_cut(channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 1 << 16, (6, 5, channels)).astype(np.uint16)
    values[..., 3:] = 65535
    look = inspect_picture(encode_sixteen_bits(values))
    assert (look.cut, look.grey) == (channels > 1, channels < 3)
    if channels > 2:
        read = crop_to(open_picture(encode_sixteen_bits(values), 3), (6, 5))
        np.testing.assert_array_equal(read, values[..., :3] >> 8)
        assert not inspect_picture(encode(Image.fromarray(read))).cut


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_planes_of_sixteen_bits_are_refused_since_pillow_misreads_them(dtype: type) -> None:
    tifffile = pytest.importorskip("tifffile")
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (3, 20, 24)).astype(dtype)
    for planes, layout in ((values, "separate"), (np.moveaxis(values, 0, 2), "contig")):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, planes, photometric="rgb", planarconfig=layout)
        for function in (inspect_picture, lambda data: open_picture(data, 3)):
            if (dtype, layout) == (np.uint16, "separate"):
                with pytest.raises(InputError, match="in separate planes"):
                    function(buffer.getvalue())
            else:
                function(buffer.getvalue())
