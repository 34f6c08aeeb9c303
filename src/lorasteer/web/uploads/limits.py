"""How much one upload may be, packed and unpacked."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class UploadLimits:
    """Bounds that hold while something is read, whatever its header claims.

    Args:
        bytes: Size of an upload as it is sent.
        folder_bytes: Size of everything that is kept.
        unpacked_bytes: Size of everything in an archive once it is unpacked.
        member_bytes: Size of one file in it.
        members: Files in it.
        ratio: How many times larger than the archive its contents may be, beyond `ratio_from`.
        ratio_from: Unpacked bytes up to which the ratio does not matter; a few labels pack well.
        pixels: Width times height of an image.
        header_bytes: Size of a safetensors header.
        json_bytes: Size of a configuration.
    """

    bytes: int = 512 * MEGABYTE
    folder_bytes: int = 4_096 * MEGABYTE
    unpacked_bytes: int = 2_048 * MEGABYTE
    member_bytes: int = 1_024 * MEGABYTE
    members: int = 65_000
    ratio: int = 100
    ratio_from: int = 16 * MEGABYTE
    pixels: int = 4_096 * 4_096
    header_bytes: int = 8 * MEGABYTE
    json_bytes: int = MEGABYTE
