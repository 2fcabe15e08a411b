"""For the API reference: a class that is made by `__new__` has the parameters of `__new__`."""

from typing import Any

import griffe


class Signatures(griffe.Extension):
    """Let griffe, which looks at `__init__` alone, find them there."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        if "__new__" in cls.members and "__init__" not in cls.members:
            cls.set_member("__init__", cls.members["__new__"])
