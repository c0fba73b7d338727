"""Objects that are known by name and made of plain data: initialisers, regularisers, constraints."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from tinygraph.elsewhere import meant

__all__ = ["Configured", "Family", "Rule", "spelt"]

# A regulariser or a constraint as a user gives it: a name, a function, a description, or None.
Rule = str | Callable[[Any], Any] | Mapping[str, Any] | None

T = TypeVar("T", bound=Callable[..., Any])


class Configured:
    """An object whose constructor takes plain data, and keeps each argument in an attribute of its name."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, for `from_config`."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make an object with these arguments."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configured) and type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={item!r}' for name, item in self.get_config().items())})"


def spelt(name: str) -> str:
    """Return the name of a class in small letters, as Keras spells it: "glorot_uniform" for "GlorotUniform"."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


class Family(Generic[T]):
    """The classes of one kind, found by their names.

    Args:
        kind: one of them in words, for messages: "an initialiser".
        classes: the classes; each is found by its name, "GlorotUniform", and by "glorot_uniform".
        aliases: further names, each with its class.
    """

    def __init__(self, kind: str, classes: list[type], aliases: Mapping[str, type] | None = None) -> None:
        self.kind = kind
        self.names: dict[str, type] = {spelt(cls.__name__): cls for cls in classes} | dict(aliases or {})
        self.classes: dict[str, type] = {cls.__name__: cls for cls in classes} | self.names

    def get(self, given: Any) -> T:
        """Return the object that a name, a class or the result of `serialize` describes; a function stays itself.

        Raises:
            ValueError: the name is unknown, or nothing is described.
        """
        if isinstance(given, Mapping):
            return self.deserialize(given)
        if isinstance(given, str) and given in self.classes:
            given = self.classes[given]
        made: Any = given() if isinstance(given, type) else given
        if not callable(made):
            raise self._unknown(given)
        return made  # type: ignore[no-any-return]

    def serialize(self, item: Any) -> dict[str, Any]:
        """Return the name of an object's class and its arguments: plain data.

        Raises:
            ValueError: the object is a function, or of a class of the user's that has no `get_config`.
        """
        if not hasattr(item, "get_config"):
            raise ValueError(
                f"{item!r} is no plain data: write {self.kind} as a class with the method get_config, or use one of "
                f"{', '.join(self.names)}"
            )
        return {"class_name": type(item).__name__, "config": item.get_config()}

    def deserialize(self, description: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> T:
        """Return the object that `serialize` described.

        Args:
            description: the class_name and the config.
            custom_objects: classes of the user's, by name.

        Raises:
            ValueError: no class has this name.
        """
        cls = {**self.classes, **(custom_objects or {})}.get(description.get("class_name", ""))
        if cls is None:
            raise self._unknown(description.get("class_name", description))
        return cls(**description.get("config", {}))  # type: ignore[no-any-return]

    def _unknown(self, given: Any) -> ValueError:
        return ValueError(
            f"{self.kind} is a function, or one of {', '.join(self.names)}; got {given!r}{meant(given, self.names)}"
        )
