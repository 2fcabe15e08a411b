"""`ServerSentEvent`, on both twins and across them."""

import copy
import enum
import json
import os
import pickle
import subprocess
import sys
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

CHINESE = "data: 你好\n\n".encode()


def test_defaults(twin: Any) -> None:
    event = twin.ServerSentEvent()
    assert (event.event, event.data, event.id, event.retry) == ("message", "", "", None)
    assert event.data_bytes == b""


def test_keywords(twin: Any) -> None:
    event = twin.ServerSentEvent(event="e", data="dü", id="i", retry=5)
    assert (event.event, event.data, event.id, event.retry) == ("e", "dü", "i", 5)
    assert event.data_bytes == "dü".encode()


def test_data_bytes_in_place_of_data(twin: Any) -> None:
    event = twin.ServerSentEvent(data_bytes=b"a\xffb")
    assert (event.data, event.data_bytes) == ("a\ufffdb", b"a\xffb")
    with pytest.raises(TypeError, match="got both"):
        twin.ServerSentEvent(data="a", data_bytes=b"a")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event": None}, "event: expected str, got NoneType"),
        ({"data": b"x"}, "data: expected str, got bytes"),
        ({"data_bytes": "x"}, "data_bytes: expected bytes, got str"),
        ({"id": 7}, "id: expected str, got int"),
        ({"retry": "7"}, "retry: expected int, got str"),
    ],
)
def test_wrong_types(twin: Any, arguments: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        twin.ServerSentEvent(**arguments)


def test_a_subclass_is_taken_as_its_plain_value(twin: Any) -> None:
    class Name(str):
        __slots__ = ()

        def __str__(self) -> str:
            return self

    class Kind(str, enum.Enum):  # noqa: UP042, since its str() is not its value
        DELTA = "delta"

    class Milliseconds(int):
        def __int__(self) -> int:
            return 99

    event = twin.ServerSentEvent(
        event=Kind.DELTA, data=Name("d"), id=Name("i"), retry=Milliseconds(5)
    )
    assert (event.event, event.data, event.id, event.retry) == ("delta", "d", "i", 5)
    fields = (event.event, event.data, event.id, event.retry)
    assert [type(field) for field in fields] == [str, str, str, int]
    assert type(twin.Parser(last_event_id=Name("i")).last_event_id) is str


def test_wrong_values(twin: Any) -> None:
    with pytest.raises(TypeError, match="retry: expected int, got bool"):
        twin.ServerSentEvent(retry=True)
    assert twin.ServerSentEvent(retry=2**63 - 1).retry == 2**63 - 1
    for retry in (-1, 2**63, 2**64):
        with pytest.raises(ValueError, match=f"retry: expected 0 to {2**63 - 1} ms.* got {retry}"):
            twin.ServerSentEvent(retry=retry)
    with pytest.raises(ValueError, match="surrogates not allowed"):
        twin.ServerSentEvent(data="\ud800")


@pytest.mark.parametrize("stream", [b"data: plain\n\n", CHINESE, b"data: a\ndata: \xff\n\n"])
def test_data_and_data_bytes_of_a_parsed_event(twin: Any, stream: bytes) -> None:
    (event,) = twin.Parser().feed(stream)
    raw = stream.removesuffix(b"\n\n").replace(b"data: ", b"")
    assert event.data_bytes == raw
    assert event.data == raw.decode(errors="replace")
    assert event.data is event.data
    assert event.data_bytes == raw


# Where UTF-8 turns from right to wrong: Unicode, table 3-7.
EDGES = bytes.fromhex("00417f808f909fa0bfc0c1c2dfe0e1ecedeeeff0f1f3f4f5ff")


@pytest.mark.parametrize("prefix", [b"", b"seventeen letters"])
def test_data_is_what_python_decodes_at_the_edges(twin: Any, prefix: bytes) -> None:
    for octets in product(EDGES, repeat=4 if prefix == b"" else 3):
        raw = prefix + bytes(octets)
        assert twin.ServerSentEvent(data_bytes=raw).data == raw.decode("utf-8", "replace")


@given(st.lists(st.one_of(st.binary(max_size=4), st.text(max_size=20).map(str.encode))))
def test_data_is_what_python_decodes(twin: Any, parts: list[bytes]) -> None:
    raw = b"".join(parts)
    data, expected = twin.ServerSentEvent(data_bytes=raw).data, raw.decode("utf-8", "replace")
    assert data == expected
    # As wide as Python makes it: a wider one is another to what looks at its kind.
    assert (data.isascii(), sys.getsizeof(data)) == (expected.isascii(), sys.getsizeof(expected))


def test_json(twin: Any) -> None:
    (event,) = twin.Parser().feed('data: {"a":\ndata: "ü"}\n\n'.encode())
    assert event.json() == {"a": "ü"}
    given: list[bytes] = []
    assert event.json(given.append) is None
    assert event.json(loads=json.loads) == {"a": "ü"}
    assert given == ['{"a":\n"ü"}'.encode()]
    with pytest.raises(ValueError, match="Expecting value"):
        twin.ServerSentEvent(data="[DONE").json()


@pytest.mark.parametrize("name", ["event", "data", "id", "retry", "data_bytes", "other"])
def test_immutable(twin: Any, name: str) -> None:
    event = twin.ServerSentEvent(data="x")
    with pytest.raises(AttributeError):
        setattr(event, name, "y")
    with pytest.raises(AttributeError):
        delattr(event, name)
    event.__init__()
    assert event.data == "x"


def test_final(twin: Any) -> None:
    for kind in (twin.ServerSentEvent, twin.Parser):
        with pytest.raises(TypeError, match="not an acceptable base type"):
            type("Sub", (kind,), {})


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, "event='message'"),
        ({"event": "", "retry": 0}, "event='', retry=0"),
        (
            {"event": "e", "data": "d'\n", "id": "i", "retry": 5},
            "event='e', data=\"d'\\n\", id='i', retry=5",
        ),
    ],
)
def test_repr_makes_the_event_again(twin: Any, fields: Any, shown: str) -> None:
    event = twin.ServerSentEvent(**fields)
    assert repr(event) == f"ServerSentEvent({shown})"
    assert eval(repr(event), {"ServerSentEvent": twin.ServerSentEvent}) == event


def test_match(twin: Any) -> None:
    match twin.ServerSentEvent(event="e", data="d", id="i", retry=5):
        case twin.ServerSentEvent(event, data, id, retry):
            assert (event, data, id, retry) == ("e", "d", "i", 5)


def test_equality_and_hash(twin: Any) -> None:
    def make(**changes: Any) -> Any:
        return twin.ServerSentEvent(**({"event": "e", "data": "d", "id": "i"} | changes))

    assert make() == make()
    assert hash(make()) == hash(make())
    assert len({make(), make(), make(id="j")}) == 2
    for changes in ({"event": "x"}, {"data": "x"}, {"id": "x"}, {"retry": 0}):
        assert make(**changes) != make()
    assert make() != ("e", "d", "i", None)
    assert (make() == 7) is False
    assert make(data_bytes=b"\xff", data=None) == make(data="\ufffd")


def test_equality_and_hash_across_the_twins(twins: list[Any]) -> None:
    for stream in (b"id: 1\nevent: e\nretry: 3\ndata: x\n\n", CHINESE, b"data: \xff\n\n"):
        events = [twin.Parser().feed(stream)[0] for twin in twins]
        assert len(set(events)) == 1
        assert len(set(map(repr, events))) == 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(twin: Any, protocol: int) -> None:
    (event,) = twin.Parser().feed(b"id: 1\nevent: e\nretry: 3\ndata: x\xff\n\n")
    for again in (pickle.loads(pickle.dumps(event, protocol)), copy.deepcopy(event)):
        assert again == event
        assert again.data_bytes == b"x\xff"


def test_a_pickle_of_one_twin_is_loaded_by_the_other(twins: list[Any]) -> None:
    for pure in ("", "1")[2 - len(twins) :]:
        for twin in twins:
            (event,) = twin.Parser().feed(b"id: 1\ndata: x\xff\n\n")
            pickled = pickle.dumps(event)
            assert b"fastsse" in pickled
            assert b"_parser" not in pickled
            script = (
                "import pickle, sys, fastsse\n"
                "event = pickle.loads(sys.stdin.buffer.read())\n"
                "assert type(event) is fastsse.ServerSentEvent\n"
                "print(fastsse.ACCELERATED, event.id, ascii(event.data), event.data_bytes)\n"
            )
            done = subprocess.run(
                [sys.executable, "-c", script],
                input=pickled,
                capture_output=True,
                env=os.environ | {"FASTSSE_PURE": pure, "PYTHONPATH": os.pathsep.join(sys.path)},
                check=False,
            )
            assert done.stdout.decode().split() == [
                str(not pure), "1", "'x\\ufffd'", "b'x\\xff'",
            ], done.stderr  # fmt: skip
