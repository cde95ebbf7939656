"""The fields of a request as arguments: what the tools, the command line, REST and the reference page are made from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import KW_ONLY, MISSING, dataclass, fields
from functools import cache
from typing import Any, Literal, TypeAlias, TypeVar, cast, get_args, get_origin, get_type_hints

from qmd_mcp.errors import ArgumentError

Kind: TypeAlias = Literal["string", "integer", "number", "boolean", "array"]
"""JSON's name of a type; every array is one of strings."""

Request = TypeVar("Request")

_KINDS: Mapping[object, Kind] = {str: "string", int: "integer", float: "number", bool: "boolean", tuple: "array"}


@dataclass(frozen=True, slots=True)
class Argument:
    """What the name, type and default of a field do not say about it; it stands in the field's annotation.

    A field without one belongs to the request alone and is not offered to any caller.
    """

    description: str
    """A phrase that begins with a capital letter and has no full stop."""
    _: KW_ONLY
    lowest: float | None = None
    """Of a number; of an array the fewest items."""
    highest: float | None = None
    """Of a number; of an array the most items."""
    in_schema: Literal["described", "name only"] = "described"
    """Whether agents read the description: every conversation pays for its tokens, and many names say enough."""
    place: Literal["top", "options"] = "top"
    """Where agents write it: beside the query, or in the object `options`, which holds what few queries need."""
    aliases: str = ""
    """What agents call it elsewhere; a wrong name from this list is answered with the right one."""
    flags: str = ""
    """Its spelling on the command line, if that is not `--` and the name."""
    words: Literal["one", "joined"] = "one"
    """On the command line, whether a required text is one word or all words that follow the command."""
    read: Callable[[Sequence[str]], object] = tuple
    """Makes the field's value of an array of strings."""


@dataclass(frozen=True, slots=True)
class Offered:
    """One field of a request that callers may write."""

    name: str
    kind: Kind
    required: bool
    default: object
    """None if the argument may be left out and then decides nothing."""
    argument: Argument
    choices: tuple[str, ...] = ()
    """The only texts that are taken; none if every text is."""

    @property
    def flags(self) -> tuple[str, ...]:
        """The spellings on the command line; none if it is written without one."""
        if self.required:
            return ()
        return tuple(self.argument.flags.split()) or (f"--{self.name.replace('_', '-')}",)


def offered_by(request: type[Any]) -> tuple[Offered, ...]:
    """Return the arguments that a class of requests offers, in the order of its fields."""
    return _offered_by(cast("Hashable", request))  # which a class is, though mypy asks its instances


def build(request: type[Request], values: Mapping[str, object]) -> Request:
    """Construct a request of plain values, where arrays are lists of strings and None stands for the default.

    Raises:
        CallerError: a value does not fit.
    """
    by_name = {each.name: each for each in offered_by(request)}
    given: dict[str, Any] = {
        name: by_name[name].argument.read(value) if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None
    }
    return request(**given)


def check_bounds(request: object) -> None:
    """Check every number of a request against its bounds, and every choice against what can be chosen.

    Raises:
        ArgumentError: one is outside; the sentence names it and what it takes.
    """
    for each in offered_by(type(request)):
        value = getattr(request, each.name)
        lowest, highest = each.argument.lowest, each.argument.highest
        if each.choices and value not in each.choices:
            sentence = f"{each.name} is {value!r}; it is {' or '.join(each.choices)}."
            raise ArgumentError(sentence)
        if not isinstance(value, int | float):
            continue
        if (lowest is not None and not value >= lowest) or (highest is not None and not value <= highest):
            bounds = f"goes from {lowest} to {highest}" if highest is not None else f"is at least {lowest}"
            sentence = f"{each.name} is {value}; it {bounds}."
            raise ArgumentError(sentence)


@cache
def _offered_by(request: Any) -> tuple[Offered, ...]:
    annotations = get_type_hints(request, include_extras=True)
    offered: list[Offered] = []
    for field in fields(request):
        parts = get_args(annotations[field.name])
        for argument in [part for part in parts if isinstance(part, Argument)]:
            required = field.default is MISSING
            default = None if required else field.default
            choices = get_args(parts[0]) if get_origin(parts[0]) is Literal else ()
            offered.append(Offered(field.name, _kind(parts[0]), required, default, argument, choices=choices))
    return tuple(offered)


def _kind(annotation: Any) -> Kind:
    """The kind of `int`, `int | None`, `tuple[str, ...]` or a choice of texts."""
    if get_origin(annotation) is Literal:
        return "string"
    candidates = [annotation, get_origin(annotation), *get_args(annotation)]
    return next(_KINDS[each] for each in candidates if each in _KINDS)
