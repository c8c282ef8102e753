"""Fetch the fonts of PDF documents at exact versions and write them into the package.

Run it by hand when a version changes; what it writes is committed. Typst reads TrueType only, so
what is published for browsers alone is unpacked: WOFF is TrueType with each table compressed.

    python tools/vendor_fonts.py
"""

from __future__ import annotations

import shutil
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Final

from vendor_assets import Package, fetch, short_hash

FONTS: Final = (
    Path(__file__).resolve().parents[1] / "src" / "surehold" / "web" / "documents" / "fonts"
)

PACKAGES: Final = (
    Package(
        name="@expo-google-fonts/inter",
        version="0.4.2",
        integrity="sha512-syfiImMaDmq7cFi0of+waE2M4uSCyd16zgyWxdPOY7fN2VBmSLKEzkfbZgeOjJq61kSqPBNNtXjggiQiSD6gMQ==",
        license="OFL-1.1",
        license_file="LICENSE_FONT",
        files={
            "400Regular/Inter_400Regular.ttf": "inter-400.ttf",
            "600SemiBold/Inter_600SemiBold.ttf": "inter-600.ttf",
        },
    ),
    Package(
        name="@expo-google-fonts/noto-sans-devanagari",
        version="0.4.1",
        integrity="sha512-26boYPNKGP1r4R5MxsMAY/zCQOwiXLOJzX8sh1a2oEWyQurQsyniaCv4992c+9jjwshEEt2NNVv5GcnyzaL7QQ==",
        license="OFL-1.1",
        license_file="LICENSE_FONT",
        files={
            "400Regular/NotoSansDevanagari_400Regular.ttf": "noto-sans-devanagari-400.ttf",
            "600SemiBold/NotoSansDevanagari_600SemiBold.ttf": "noto-sans-devanagari-600.ttf",
        },
    ),
    Package(
        name="@fontsource/noto-sans-ethiopic",
        version="5.3.0",
        integrity="sha512-ivXPkx5Grhse+0GEyedQysDI5vSMUIeDNBhev6OIcSX6WyAPtvutU/CSWqf2wv67POnvQ0QaQ8Aq36vy9WfZpw==",
        license="OFL-1.1",
        license_file="LICENSE",
        files={
            "files/noto-sans-ethiopic-ethiopic-400-normal.woff": "noto-sans-ethiopic-400.ttf",
            "files/noto-sans-ethiopic-ethiopic-600-normal.woff": "noto-sans-ethiopic-600.ttf",
        },
    ),
)

_HEAD: Final = struct.Struct(">4s4sLHHLHHLLLLL")
_ENTRY: Final = struct.Struct(">4sLLLL")
_SFNT: Final = struct.Struct(">4sHHHH")


def unpacked(woff: bytes) -> bytes:
    """A WOFF 1.0 file as the TrueType file that it was made of.

    Source: W3C, WOFF File Format 1.0, sections 3 to 5.
    """
    signature, flavor, _, count, *_ = _HEAD.unpack_from(woff)
    if signature != b"wOFF":
        raise ValueError("this is no WOFF file")
    power = count.bit_length() - 1
    search_range = 16 << power
    head = _SFNT.pack(flavor, count, search_range, power, 16 * count - search_range)
    offset = len(head) + 16 * count
    entries, tables = [], []
    for index in range(count):
        tag, at, packed, size, checksum = _ENTRY.unpack_from(
            woff, _HEAD.size + _ENTRY.size * index
        )
        data = woff[at : at + packed]
        table = zlib.decompress(data) if packed < size else data
        padded = table + b"\0" * (-len(table) % 4)
        entries.append(struct.pack(">4sLLL", tag, checksum, offset, size))
        tables.append(padded)
        offset += len(padded)
    return head + b"".join(entries) + b"".join(tables)


def keep(package: Package, source: Path) -> list[Path]:
    """Write the used files and the license into the folder of fonts."""
    written = []
    for origin, name in {
        **package.files,
        package.license_file: f"licenses/{package.stem}.txt",
    }.items():
        content = (source / origin).read_bytes()
        target = FONTS / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(unpacked(content) if origin.endswith(".woff") else content)
        written.append(target)
    return written


def manifest(kept: list[tuple[Package, list[Path]]]) -> str:
    """The text of VENDORED.md: each package with its pin and license, each file with its hash."""
    lines = [
        "# Fonts of PDF documents",
        "",
        "Written by `tools/vendor_fonts.py`; do not edit by hand. Licenses are in `licenses/`.",
        "",
        "| package | version | license | archive |",
        "|---|---|---|---|",
    ]
    lines += [f"| {p.name} | {p.version} | {p.license} | `{p.integrity}` |" for p, _ in kept]
    lines += ["", "| file | from | bytes | sha512 (first 32 hex digits) |", "|---|---|---:|---|"]
    for package, paths in kept:
        for path in paths:
            name = path.relative_to(FONTS).as_posix()
            lines.append(
                f"| {name} | {package.name} | {path.stat().st_size} | `{short_hash(path)}` |"
            )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Fetch, check and write everything."""
    with tempfile.TemporaryDirectory() as folder:
        sources = [(package, fetch(package, Path(folder))) for package in PACKAGES]
        shutil.rmtree(FONTS, ignore_errors=True)
        kept = [(package, keep(package, source)) for package, source in sources]
    (FONTS / "VENDORED.md").write_text(manifest(kept), encoding="utf-8", newline="\n")
    total = sum(path.stat().st_size for _, paths in kept for path in paths)
    print(f"{sum(len(paths) for _, paths in kept)} files, {total / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
