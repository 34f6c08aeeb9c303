"""Images: of a known format, not too large, and whole."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from lorasteer.errors import DataError
from lorasteer.web.uploads.limits import UploadLimits

ENDINGS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF", ".tif": "TIFF",
    ".tiff": "TIFF", ".pgm": "PPM", ".ppm": "PPM",
}  # fmt: skip
"""Formats that are decoded, by the endings of their names."""
FORMATS = tuple(sorted(set(ENDINGS.values())))
_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"GIF8", b"II*\x00", b"MM\x00*", b"P5", b"P6", b"P2", b"P3")


def is_picture(start: bytes) -> bool:
    """Whether a file may be an image, by its first bytes."""
    return start.startswith(_STARTS)


def check_picture(path: Path, shown: str, limits: UploadLimits) -> str:
    """Decode an image once.

    Args:
        path: The file.
        shown: Its name, to show.
        limits: How many pixels are allowed.

    Returns:
        The ending that fits its format.

    Raises:
        DataError: It is of another format, too large, or damaged.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:  # reads the size, not the pixels
            pixels = image.width * image.height
            if pixels > limits.pixels:
                raise _wrong(shown, f"has {image.width} x {image.height} pixels, allowed are {limits.pixels} in all")
            image.load()
            found = image.format
    except UnidentifiedImageError as error:  # its own words name the path
        raise _wrong(shown, "cannot be decoded") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # Pillow raises all of these for damaged files
        raise _wrong(shown, f"cannot be decoded ({error})") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _wrong(shown, f"is far too large ({error})") from error
    return next(ending for ending, name in ENDINGS.items() if name == found)


def _wrong(shown: str, problem: str) -> DataError:
    return DataError(f"image {shown!r} {problem}; allowed is a whole {', '.join(FORMATS)} image. Replace it or leave it out.")
