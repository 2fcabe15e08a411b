"""`decode`: what one event says, and the errors that it may be."""

import json
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_values import event

import fastsse
from fastsse import llm
from fastsse.llm import DONE, DecodeError, Done, StreamError, decode
from fastsse.llm.decode import decode_chunk


class Chunk(msgspec.Struct):
    """What has an error of its own, as all chunks of `deltas` do."""

    text: str = ""
    error: Any = None


chunk = msgspec.json.Decoder(Chunk).decode
READERS: dict[str, Any] = {
    "any": lambda given: decode(given),
    "typed": lambda given: decode(given, chunk),
    "of a chunk": lambda given: decode_chunk(given, chunk),
}


@pytest.fixture(params=READERS)
def read(request: pytest.FixtureRequest) -> Any:
    return READERS[request.param]


class TestTheEnd:
    @pytest.mark.parametrize("data", ["[DONE]", "[DONE] ", " [DONE]", "[DONE]\n"])
    def test_is_the_data_but_for_space_around_it(self, read: Any, data: str) -> None:
        assert read(event(data)) is DONE
        assert read(event(data, "completion")) is DONE

    @pytest.mark.parametrize(
        "data",
        ["[done]", "[DONE]x", "x[DONE]", "[DONE", "[ DONE ]"],
    )
    def test_is_no_prefix_and_no_part(self, read: Any, data: str) -> None:
        with pytest.raises(DecodeError):
            read(event(data))

    @pytest.mark.parametrize("value", ["[DONE]", ["[DONE]"], {"text": "[DONE]"}])
    def test_is_no_text_that_says_it(self, value: Any) -> None:
        assert decode(event(json.dumps(value))) == value

    def test_is_one_value_wherever_it_has_been(self) -> None:
        assert repr(DONE) == "DONE"
        assert pickle.loads(pickle.dumps(DONE)) is DONE is Done.DONE


class TestValues:
    @pytest.mark.parametrize(
        "data", ["null", "0", "-0.5", '""', "[]", "{}", ' {"a": [1, "ü", null]}\n', "1" * 30]
    )
    def test_any(self, data: str) -> None:
        assert decode(event(data)) == json.loads(data)

    def test_of_what_loads_gives(self) -> None:
        assert decode(event("1.10"), lambda data: data) == b"1.10"
        assert decode(event('{"text": "ü"}'), chunk) == Chunk("ü")

    def test_have_the_last_of_two_keys(self) -> None:
        assert decode(event('{"a": 1, "a": 2}')) == {"a": 2}

    def test_may_be_deep(self) -> None:
        value = decode(event("[" * 500 + "]" * 500))
        depth = 0
        while value:
            (value,) = value
            depth += 1
        assert depth == 499

    @pytest.mark.parametrize("loads", [json.loads, msgspec.json.decode])
    def test_by_other_loads_have_the_same_errors(self, loads: Any) -> None:
        assert decode(event('{"a": 1}'), loads) == {"a": 1}
        with pytest.raises(DecodeError):
            decode(event('{"a": '), loads)
        with pytest.raises(StreamError, match="boom"):
            decode(event('{"error": "boom"}'), loads)


class TestDecodeErrors:
    @pytest.mark.parametrize(
        "data",
        [
            "", " ", "{", '{"text": "half of', "{} {}", "text", "NaN", "\ufeff{}", '{"a": 1,}',
            "1e400", "9" * 5000, "[" * 100_000, "{'a': 1}", '"\x00"',
        ],
        ids=lambda data: data[:10],
    )  # fmt: skip
    def test_what_is_no_json(self, read: Any, data: str) -> None:
        given = event(data)
        with pytest.raises(DecodeError) as caught:
            read(given)
        assert caught.value.event is given
        assert caught.value.reason == str(caught.value.__cause__)
        assert isinstance(caught.value.__cause__, (ValueError, RecursionError))

    @pytest.mark.parametrize("data", [b'{"text": "\xff"}', b'"\xed\xa0\x80"', b'{"a": "\xe2\x82"}'])
    def test_bytes_that_are_not_utf8(self, read: Any, data: bytes) -> None:
        with pytest.raises(DecodeError, match="utf-8"):
            read(event(data))

    def test_bytes_that_are_not_utf8_where_nobody_looks(self) -> None:
        data = b'{"skipped": "\xff", "text": "x"}'
        assert chunk(data) == Chunk("x")
        for read in READERS.values():
            with pytest.raises(DecodeError, match="'utf-8' codec can't decode byte 0xff"):
                read(event(data))

    def test_the_replacement_character_itself_is_utf8(self) -> None:
        assert decode(event('"\ufffd"')) == "\ufffd"

    def test_what_is_no_such_value(self) -> None:
        with pytest.raises(DecodeError, match="Expected `str`, got `int`"):
            decode(event('{"text": 7}'), chunk)

    def test_tell_the_event_and_show_its_start(self) -> None:
        with pytest.raises(DecodeError) as caught:
            decode(event(b'{"a":\n\xff' + b"x" * 5000, "delta"))
        told = str(caught.value)
        assert "in event 'delta': {\"a\": \ufffdxxx" in told
        assert len(told) < 700

    def test_what_is_not_a_value_error_is_somebody_else_s(self) -> None:
        def loads(_: bytes) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            decode(event("1"), loads)


class TestErrorsInTheStream:
    @pytest.mark.parametrize(
        ("error", "message", "kind", "code"),
        [
            ({"message": "busy", "type": "overloaded", "code": 529}, "busy", "overloaded", 529),
            ({"message": "", "detail": "busy"}, "busy", None, None),
            ({"detail": [{"msg": "busy"}]}, '[{"msg":"busy"}]', None, None),
            ({"error": {"message": "busy"}}, "busy", None, None),
            ({"code": 7}, '{"code":7}', None, 7),
            ("busy", "busy", None, None),
            (["busy"], '["busy"]', None, None),
            (7, "7", None, None),
            (True, "true", None, None),
        ],
    )
    def test_are_a_key_that_is_not_empty(
        self, read: Any, error: Any, message: str, kind: Any, code: Any
    ) -> None:
        given = event(json.dumps({"text": "x", "error": error}))
        with pytest.raises(StreamError) as caught:
            read(given)
        found = caught.value
        assert (found.message, found.type, found.code) == (message, kind, code)
        assert (found.error, found.event) == (error, given)
        assert message in str(found)

    def test_tell_their_type_and_code(self) -> None:
        with pytest.raises(StreamError, match=r"in the stream: busy \(overloaded, 529\)$"):
            decode(event('{"error": {"message": "busy", "type": "overloaded", "code": 529}}'))

    @pytest.mark.parametrize("error", ["null", '""', "{}", "false", "[]"])
    def test_are_neither_null_nor_empty(self, read: Any, error: str) -> None:
        assert read(event(f'{{"text": "x", "error": {error}}}')) is not None
        assert decode(event('{"error": null, "text": "x"}')) == {"error": None, "text": "x"}
        assert decode(event('{"error": {}, "error": null}')) == {"error": None}

    @pytest.mark.parametrize(
        "value",
        [
            {"a": {"error": "busy"}},
            [{"error": "busy"}],
            {"text": "error"},
            {"text": '{"error": "busy"}'},
            "error",
            {"errors": 1},
        ],
    )
    def test_are_nothing_further_down(self, value: Any) -> None:
        assert decode(event(json.dumps(value))) == value

    @pytest.mark.parametrize(
        ("data", "error", "message"),
        [
            ('{"error": {"message": "busy"}}', {"message": "busy"}, "busy"),
            ('{"message": "busy"}', {"message": "busy"}, "busy"),
            ('{"error": null}', {"error": None}, '{"error":null}'),
            ("null", None, "null"),
            ('"busy"', "busy", "busy"),
            ("[1]", [1], "[1]"),
            ("the server is busy", "the server is busy", "the server is busy"),
            ("", "", ""),
            (b"\xff busy", "\ufffd busy", "\ufffd busy"),
        ],
    )
    def test_are_events_of_that_type_whatever_their_data(
        self, read: Any, data: str, error: Any, message: str
    ) -> None:
        with pytest.raises(StreamError) as caught:
            read(event(data, "error"))
        assert (caught.value.error, caught.value.message) == (error, message)

    @pytest.mark.parametrize("kind", ["Error", "errors", "error ", "message_error"])
    def test_are_not_events_of_another_type(self, kind: str) -> None:
        assert decode(event('{"message": "busy"}', kind)) == {"message": "busy"}

    def test_come_before_what_is_wrong_with_the_rest(self) -> None:
        for data in (b'{"text": 7, "error": "busy"}', b'{"text": "\xff", "error": "busy"}'):
            for read in (READERS["typed"], READERS["of a chunk"]):
                with pytest.raises(StreamError, match="busy"):
                    read(event(data))

    def test_whose_message_is_nested(self) -> None:
        error = "busy"
        for _ in range(300):
            error = {"message": error}  # type: ignore[assignment]
        with pytest.raises(StreamError) as caught:
            decode(event(json.dumps({"error": error})))
        assert caught.value.message == "busy"

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from(["error", "message", "a"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text('e"\\ü\n', max_size=5),
                lambda inner: st.lists(inner) | st.dictionaries(st.just("error"), inner),
                max_leaves=5,
            ),
        )
    )
    def test_are_found_in_any_object(self, value: dict[str, Any]) -> None:
        given = event(json.dumps(value, ensure_ascii=False))
        if not value.get("error"):
            assert decode(given) == value
            return
        with pytest.raises(StreamError) as caught:
            decode(given)
        assert caught.value.error == value["error"]


ERRORS = [
    llm.DecodeError(event(b"\xff"), "not UTF-8"),
    llm.IncompleteStreamError(7),
    llm.StreamError("busy", {"message": "busy", "type": "overloaded"}, event("{}")),
    llm.TransportError("refused", "http://127.0.0.1:1/", "all attempts failed"),
    llm.TransportError("timeout", "http://127.0.0.1:1/", "none came"),
    llm.TransportError("broken", "http://127.0.0.1:1/", "reset"),
    llm.UnknownShapeError(["a", "b"], event("{}")),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_can_be_pickled(error: fastsse.SSEError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__
    assert isinstance(error, fastsse.SSEError)


def test_errors_are_told_apart() -> None:
    assert issubclass(llm.IncompleteStreamError, fastsse.ProtocolError)
    for kind in (llm.StreamError, llm.TransportError):
        assert kind.__bases__ == (fastsse.SSEError,)
    for kind in (llm.DecodeError, llm.UnknownShapeError):
        assert kind.__bases__ == (fastsse.ProtocolError,)
    assert "was refused: all attempts failed" in str(ERRORS[3])
    assert "timed out: none came" in str(ERRORS[4])
    assert "broke: reset" in str(ERRORS[5])
    assert str(ERRORS[6]) == "expected a stream of a, b, got {}"
    assert "after 7 events, before [DONE] or a finish reason" in str(ERRORS[1])
