"""Builds of fastsse, each in a folder of its own, that one process can load side by side."""

import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent


class BuildError(Exception):
    """There is nothing to measure; the message says why."""


def export(commit: str, tree: Path) -> Path:
    """Write the files of a commit into the new folder `tree`."""
    archive = tree.with_suffix(".zip")
    _run("git", "archive", "--format=zip", f"--output={archive}", commit)
    shutil.unpack_archive(archive, tree)
    return tree


def copy_working_tree(tree: Path) -> Path:
    """Write the files as they are here, changed and new ones too, into the new folder `tree`."""
    listed = _run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    return tree


def commit_of(name: str) -> str:
    """The commit that a branch, a tag or another name stands for."""
    return _run("git", "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}").strip()


def build(tree: Path, target: Path) -> Path:
    """Install what `tree` has into the new folder `target`, with the compiled twin or not at all.

    Each tree is built with what its own pyproject.toml asks for, which pip downloads.
    """
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--no-deps", "--target", str(target), str(tree), FASTSSE_BUILD="yes")
    if not any((target / f"fastsse/_parser_c{suffix}").exists() for suffix in EXTENSION_SUFFIXES):
        raise BuildError(f"the compiled twin is missing from the build of {tree.name}")
    return target


def load(target: Path) -> ModuleType:
    """The compiled twin of that build; one that is loaded before stays usable while it is held."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "fastsse"]:
        del sys.modules[name]
    sys.path.insert(0, str(target))
    try:
        twin = import_module("fastsse._parser_c")
    finally:
        sys.path.remove(str(target))
    if not Path(twin.__file__ or "").is_relative_to(target):
        raise BuildError(f"expected the compiled twin of {target}, got {twin.__file__}")
    return twin


def run_beside(script: str, *arguments: str, build: Path, under: tuple[str, ...] = ()) -> str:
    """What a script of this folder prints, in a fresh process that imports fastsse from a build.

    There `import fastsse` means the pure twin: a compiled one is measured only if `load` gave it.
    """
    command = (*under, sys.executable, str(Path(__file__).parent / script), *arguments)
    return _run(*command, PYTHONPATH=str(build), FASTSSE_PURE="1")


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )
    if done.returncode:
        raise BuildError(f"{' '.join(command)}\n{done.stdout}{done.stderr}".strip())
    return done.stdout
