"""Fetch the front end's third-party files at exact versions and write them into the package.

Run it by hand when a version changes; what it writes is committed, so nobody who installs or
runs Surehold needs Node. Packages come through ``npm pack``, which uses the machine's own
configuration, and every archive must match the sha512 pinned here.

    python tools/vendor_assets.py            # fetch, check, write
    python tools/vendor_assets.py --check    # only compare what is committed with VENDORED.md
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

VENDOR: Final = (
    Path(__file__).resolve().parents[1] / "src" / "surehold" / "web" / "assets" / "vendor"
)


class Package(NamedTuple):
    """One npm package: what is pinned, and which of its files we keep under which name."""

    name: str
    version: str
    integrity: str
    license: str
    license_file: str
    files: dict[str, str]

    @property
    def stem(self) -> str:
        return self.name.removeprefix("@").replace("/", "-")


LUCIDE: Final = Package(
    name="lucide-static",
    version="1.62.0",
    integrity="sha512-WBZA/m2PvkFpMGHDtsBck5P2A9G4ehLlYu4GwwICcmEm1BvYVgj00lCDxKRWLlbMlOibLaiwdQ88G5pHkSWgwA==",
    license="ISC (some icons MIT, from Feather)",
    license_file="LICENSE",
    files={},
)

PACKAGES: Final = (
    Package(
        name="htmx.org",
        version="4.0.1",
        integrity="sha512-oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==",
        license="0BSD",
        license_file="LICENSE",
        files={"dist/htmx.min.js": "htmx.min.js"},
    ),
    Package(
        name="basecoat-css",
        version="1.0.2",
        integrity="sha512-C6I5rr7HziIAoBYNGPO5U6HaU/6FuF3iVp++IgoEqqJ836is3XoRty6l1ibXqxnoIRZNnOAYDMX8QxVC+58zhw==",
        license="MIT",
        license_file="LICENSE.md",
        files={"dist/basecoat-nova.cdn.min.css": "basecoat.min.css"},
    ),
    Package(
        name="@fontsource-variable/inter",
        version="5.3.0",
        integrity="sha512-OupL48va4JNofb97w6NYeF9S7W/kHNKM0Er8Dem5nqi4jeOLrVJDoE8tZEpnMJmtkvNbB1EIPPwHcdkF6b1oUA==",
        license="OFL-1.1",
        license_file="LICENSE",
        files={
            "files/inter-latin-wght-normal.woff2": "inter-latin.woff2",
            "files/inter-latin-ext-wght-normal.woff2": "inter-latin-ext.woff2",
        },
    ),
    Package(
        name="@fontsource-variable/jetbrains-mono",
        version="5.3.0",
        integrity="sha512-F32xpS2NsGYoQi2ADSkKTgpJj7ozajsGgDJ8woTnqjmIB+dxDIqImjl4pXZVEExu8UFZ2ndhmX18EBS/hdz3Lw==",
        license="OFL-1.1",
        license_file="LICENSE",
        files={"files/jetbrains-mono-latin-wght-normal.woff2": "jetbrains-mono-latin.woff2"},
    ),
    LUCIDE,
    Package(
        name="swagger-ui-dist",
        version="5.35.0",
        integrity="sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
        license="Apache-2.0",
        license_file="LICENSE",
        files={
            "swagger-ui.css": "swagger-ui.css",
            "swagger-ui-bundle.js": "swagger-ui-bundle.js",
            "NOTICE": "licenses/swagger-ui-dist.NOTICE.txt",
            "swagger-ui-bundle.js.LICENSE.txt": "licenses/swagger-ui-dist.bundled.txt",
        },
    ),
)

#: The icons pages use; a name that Lucide does not have stops the run.
ICONS: Final = (
    "archive",
    "arrow-left",
    "arrow-right",
    "arrow-up-right",
    "ban",
    "bell",
    "building-2",
    "calendar",
    "chart-column",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "chevron-up",
    "circle-alert",
    "circle-check",
    "circle-help",
    "circle-x",
    "clock",
    "code",
    "copy",
    "credit-card",
    "download",
    "ellipsis",
    "external-link",
    "eye",
    "filter",
    "globe",
    "history",
    "house",
    "image",
    "inbox",
    "info",
    "key-round",
    "landmark",
    "layers",
    "link",
    "list",
    "lock",
    "log-out",
    "mail",
    "map-pin",
    "menu",
    "message-square",
    "minus",
    "monitor",
    "moon",
    "package",
    "package-check",
    "pencil",
    "phone",
    "play",
    "plus",
    "printer",
    "receipt",
    "refresh-cw",
    "rotate-ccw",
    "search",
    "search-x",
    "settings",
    "shield-check",
    "shopping-bag",
    "sliders-horizontal",
    "smartphone",
    "store",
    "sun",
    "tag",
    "timer",
    "trash-2",
    "triangle-alert",
    "truck",
    "undo-2",
    "upload",
    "user",
    "users",
    "wallet",
    "webhook",
    "wifi-off",
    "x",
    "zap",
)


class IntegrityMismatch(Exception):
    """An archive is not the one that was pinned."""


def fetch(package: Package, folder: Path) -> Path:
    """Download and unpack one package; answers the folder that holds its files.

    Raises:
        IntegrityMismatch: The archive's sha512 differs from the pinned one.
    """
    target = folder / package.stem
    target.mkdir()
    subprocess.run(
        ["npm", "pack", "--silent", f"{package.name}@{package.version}"],
        cwd=target,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (archive,) = target.glob("*.tgz")
    digest = hashlib.sha512(archive.read_bytes()).digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if found != package.integrity:
        raise IntegrityMismatch(
            f"{package.name}@{package.version}: expected {package.integrity}, got {found}"
        )
    with tarfile.open(archive) as content:
        content.extractall(target, filter="data")
    return target / "package"


def sprite(icons: Path) -> str:
    """One SVG whose symbols are the listed icons."""
    symbols = []
    for name in ICONS:
        source = (icons / f"{name}.svg").read_text(encoding="utf-8")
        inside = source[source.index(">", source.index("<svg")) + 1 : source.rindex("</svg>")]
        drawing = re.sub(r"\s+", " ", inside)
        drawing = drawing.replace("> <", "><").replace(" />", "/>").strip()
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{drawing}</symbol>')
    # Fill and stroke come from the <svg class="icon"> that uses a symbol, not from this root.
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def keep(package: Package, source: Path) -> list[Path]:
    """Copy the used files and the license into the vendor folder."""
    written = []
    for origin, name in {
        **package.files,
        package.license_file: f"licenses/{package.stem}.txt",
    }.items():
        target = VENDOR / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = (source / origin).read_bytes()
        if name.endswith((".js", ".css")):
            # A source map we do not ship would only be a 404 in the developer tools.
            content = re.sub(
                rb"\n?(//# sourceMappingURL=\S+|/\*# sourceMappingURL=\S+ \*/)\s*$", b"\n", content
            )
        target.write_bytes(content)
        written.append(target)
    if package is LUCIDE:
        target = VENDOR / "icons.svg"
        target.write_text(sprite(source / "icons"), encoding="utf-8", newline="\n")
        written.append(target)
    return written


def manifest(kept: list[tuple[Package, list[Path]]]) -> str:
    """The text of VENDORED.md: each package with its pin and license, each file with its hash."""
    lines = [
        "# Third-party files",
        "",
        "Written by `tools/vendor_assets.py`; do not edit by hand. Licenses are in `licenses/`.",
        "",
        "| package | version | license | archive |",
        "|---|---|---|---|",
    ]
    lines += [f"| {p.name} | {p.version} | {p.license} | `{p.integrity}` |" for p, _ in kept]
    lines += ["", "| file | from | bytes | sha512 (first 32 hex digits) |", "|---|---|---:|---|"]
    for package, paths in kept:
        for path in paths:
            name = path.relative_to(VENDOR).as_posix()
            lines.append(
                f"| {name} | {package.name} | {path.stat().st_size} | `{short_hash(path)}` |"
            )
    return "\n".join(lines) + "\n"


def short_hash(path: Path) -> str:
    """The first 32 hex digits of a file's sha512."""
    return hashlib.sha512(path.read_bytes()).hexdigest()[:32]


def check() -> list[str]:
    """What differs between the committed files and VENDORED.md, in words."""
    rows = re.findall(
        r"^\| (\S+) \| \S+ \| \d+ \| `([0-9a-f]{32})` \|$",
        (VENDOR / "VENDORED.md").read_text(),
        re.MULTILINE,
    )
    listed = dict(rows)
    present = {
        path.relative_to(VENDOR).as_posix(): path
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDORED.md"
    }
    faults = [f"{name} is listed but missing" for name in sorted(listed.keys() - present.keys())]
    faults += [f"{name} is not listed" for name in sorted(present.keys() - listed.keys())]
    faults += [
        f"{name} differs from its hash"
        for name in sorted(listed.keys() & present.keys())
        if short_hash(present[name]) != listed[name]
    ]
    return faults


def main(arguments: list[str]) -> int:
    """Fetch and write everything, or with ``--check`` only compare."""
    if arguments == ["--check"]:
        faults = check()
        print("\n".join(faults) or "The vendored files match VENDORED.md.")
        return 1 if faults else 0
    with tempfile.TemporaryDirectory() as folder:
        sources = [(package, fetch(package, Path(folder))) for package in PACKAGES]
        # Only now that every archive is checked: a failed run leaves the old files whole.
        shutil.rmtree(VENDOR, ignore_errors=True)
        kept = [(package, keep(package, source)) for package, source in sources]
    (VENDOR / "VENDORED.md").write_text(manifest(kept), encoding="utf-8", newline="\n")
    total = sum(path.stat().st_size for _, paths in kept for path in paths)
    print(f"{sum(len(paths) for _, paths in kept)} files, {total / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
