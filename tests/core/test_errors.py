"""Errors can be pickled, and their messages say what was received."""

import pickle

import fastsse


def test_errors_can_be_pickled() -> None:
    event = fastsse.ServerSentEvent(data="x")
    for error in (
        fastsse.EventTooLargeError(1, 2, [event]),
        fastsse.StreamTimeout("idle", 1.5, chunks=2, bytes=3, events=4, elapsed=5.0),
        fastsse.StreamTimeout("headers", 1.5, name="Timeouts.headers", elapsed=2.0, lines=7),
        fastsse.StreamTimeout("total", 1.5, lines=6, buffered=b"half of"),
        fastsse.ResponseError(500, {"a": "b"}, "text/plain", b"body"),
        fastsse.ContentTypeError(200, {"a": "b"}, "text/plain", b"body"),
        fastsse.ProtocolError("x"),
        fastsse.ReconnectError("x"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.__dict__ == error.__dict__
        assert isinstance(error, fastsse.SSEError)
    assert issubclass(fastsse.StreamTimeout, TimeoutError)


def test_what_is_no_event_stream_that_can_be_read_is_a_protocol_error() -> None:
    assert issubclass(fastsse.EventTooLargeError, fastsse.ProtocolError)
    assert issubclass(fastsse.ContentTypeError, fastsse.ProtocolError)
    assert issubclass(fastsse.ContentTypeError, fastsse.ResponseError)
    assert not issubclass(fastsse.ResponseError, fastsse.ProtocolError)
    assert not issubclass(fastsse.StreamTimeout, fastsse.ProtocolError)


def test_a_timeout_tells_what_it_knows() -> None:
    error = fastsse.StreamTimeout("idle", 1.5, chunks=2, bytes=3, lines=7, events=4, elapsed=5.0)
    assert str(error) == (
        "no bytes within idle_timeout=1.5 s "
        "(events: 4, lines: 7, chunks: 2, bytes: 3, after 5.000 s)"
    )
    assert (error.timeout, error.name, error.buffered) == ("idle", "idle_timeout", b"")
    named = fastsse.StreamTimeout("headers", 1, name="Timeouts.headers", buffered=b'{"a":\n 1')
    assert str(named).startswith("no response within Timeouts.headers=1 s")
    assert str(named).endswith('; the next event began with: {"a": 1')


def test_a_redirect_is_told() -> None:
    error = fastsse.ResponseError(307, {"location": "/there"}, None)
    assert str(error) == "expected a status of 2xx, got 307 (a redirect to /there, not followed)"


def test_a_long_body_is_shown_as_its_start() -> None:
    error = fastsse.ResponseError(500, {}, None, b"x " * 4096)
    assert len(str(error)) < 600
    assert str(error).endswith("…")
