"""docs/standard.md tells what the peers do when they are run, and fastsse is right."""

import json
import os
import subprocess
import sys

import conformance
import pytest
from conformance import PAGE, TABLE, Report
from conformance_peers import PEERS

pytestmark = pytest.mark.slow

REMEDY = "run `python tests/support/conformance.py`"


@pytest.fixture(scope="module")
def found() -> Report:
    # In a process of its own: some peers leave sockets open, which is not to fail our tests.
    done = subprocess.run(
        [sys.executable, conformance.__file__, "--json"],
        stdout=subprocess.PIPE,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return Report(**json.loads(done.stdout))


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def column(page: str, name: str) -> list[str]:
    """The marks of a peer on the page."""
    written = TABLE.search(page)
    assert written is not None
    # The first table of what is written; a blank line ends it.
    marks = written[0].strip().partition("\n\n")[0]
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in marks.splitlines()
    )
    at = header.index(name)
    return [row[at] for row in rows]


def test_fastsse_is_right(found: Report) -> None:
    assert set(found.marks["fastsse"]) == {"✓"}


@pytest.mark.parametrize("name", [peer.name for peer in PEERS])
def test_the_page_tells_what_each_does(found: Report, page: str, name: str) -> None:
    if name != "fastsse" and found.versions.get(name, "not installed") not in page:
        pytest.skip(f"{found.versions.get(name, name)} is not what the page was written with")
    assert column(page, name) == found.marks[name], REMEDY


def test_the_page_is_as_written(found: Report, page: str) -> None:
    if any(version not in page for version in found.versions.values()):
        pytest.skip("the page was written with other versions")
    assert found.text in page, REMEDY
