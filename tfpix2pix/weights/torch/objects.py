"""Reads the objects in torch.save's files: a pickle is a program, and this runs the few opcodes that state dicts need.

It never imports or calls what a file names. The result consists of dicts, lists, tuples, strings, numbers, None, and
the two classes below.
"""

import io
import pickletools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# torch's storage classes, all little-endian in files; bfloat16 and the complex ones have no use here.
STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# NumPy's limit.
MAX_DIMENSIONS = 64
# The largest index of an element; 8 times as many bytes are still within NumPy's limit.
MAX_INDEX = 1 << 59
# One more than the arguments of a tensor.
MAX_ARGUMENTS = 8


class Storage(NamedTuple):
    """Numbers elsewhere in the file, under a key; length is how many."""

    key: str
    dtype: str
    length: int


class Tensor(NamedTuple):
    """A view of a storage: offset and strides are in elements."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Name(NamedTuple):
    """A name that a pickle would import; it stays a name."""

    module: str
    name: str


def read_object(stream: io.BytesIO) -> Any:
    """Reads the next object of a stream, and leaves the stream after it.

    Time and memory are proportional to the bytes that it reads.

    Raises:
      ValueError: it contains something that is not part of a state dict, or is damaged.
      IndexError, KeyError: it takes something that it has not stored.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memory: dict[Any, Any] = {}

    def pop(count: int) -> list[Any]:
        if count > len(stack):
            raise ValueError("it takes more than it has")
        items = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        return items

    def pop_marked() -> list[Any]:
        return pop(max(0, len(stack) - marks.pop()))

    # genops only tells opcodes and their arguments apart; it runs nothing.
    for opcode, argument, _ in pickletools.genops(stream):
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(opcode.name == "NEWTRUE")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                stack.append(argument)
            # Python 2 wrote BINSTRING.
            case "SHORT_BINUNICODE" | "BINUNICODE" | "SHORT_BINSTRING" | "BINSTRING":
                stack.append(argument)
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_TUPLE":
                stack.append(())
            case "MARK":
                marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(pop_marked()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(pop(int(opcode.name[-1]))))
            case "APPEND" | "APPENDS":
                items = pop(1) if opcode.name == "APPEND" else pop_marked()
                _typed(stack[-1], list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = pop(2) if opcode.name == "SETITEM" else pop_marked()
                _set_items(_typed(stack[-1], dict), zip(items[::2], items[1::2], strict=True))
            case "BINPUT" | "LONG_BINPUT":
                memory[argument] = stack[-1]
            case "MEMOIZE":
                memory[len(memory)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memory[argument])
            case "GLOBAL":
                stack.append(_known(*str(argument).split(" ", 1)))
            case "STACK_GLOBAL":
                stack.append(_known(*pop(2)))
            case "BINPERSID":
                stack.append(_storage(*pop(1)))
            case "REDUCE":
                stack.append(_made(*pop(2)))
            case "BUILD":
                # The attributes of a state dict: the versions of its modules.
                pop(1)
            case "STOP":
                break
            case _:
                raise ValueError(f"opcode {opcode.name} is not part of a state dict")
    (result,) = stack
    return result


def _typed(value: Any, kind: type) -> Any:
    # Not isinstance, for which True is a number. The value is not shown: its text may be endless.
    if type(value) is not kind:
        raise ValueError(f"{type(value).__name__} where {kind.__name__} should be")
    return value


def _set_items(target: dict[str, Any], items: Iterable[tuple[Any, Any]]) -> None:
    for key, value in items:
        # Strings only, also because hashing nested tuples, each with the next one twice, takes forever.
        target[_typed(key, str)] = value


def _known(module: Any, name: Any) -> _Name:
    found = _Name(_typed(module, str), _typed(name, str))
    if found not in _MAKERS and not (module == "torch" and name in STORAGES):
        raise ValueError(f"{module}.{name} is not part of a state dict")
    return found


def _storage(reference: Any) -> Storage:
    # The legacy format has a sixth entry, for views between storages, which torch has not written since 0.4.
    kind, storage_class, key, _, count, view = (*_arguments(reference), None)[:6]
    if kind != "storage" or type(storage_class) is not _Name or storage_class in _MAKERS or view is not None:
        raise ValueError("a storage of an unknown kind")
    return Storage(_typed(key, str), STORAGES[storage_class.name], _typed(count, int))


def _made(maker: Any, arguments: Any) -> Any:
    if type(maker) is not _Name or maker not in _MAKERS:
        raise ValueError("it calls something that is no part of a state dict")
    make, least = _MAKERS[maker]
    if len(_arguments(arguments)) < least:
        raise ValueError(f"{maker.name} with {len(arguments)} arguments")
    return make(*arguments)


def _arguments(value: Any) -> tuple[Any, ...]:
    # A long tuple that is passed again and again would be copied as often.
    if len(_typed(value, tuple)) > MAX_ARGUMENTS:
        raise ValueError(f"a call with {len(value)} arguments")
    return value


def _ordered_dict(items: Any = None, *_: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    # Python 2 passed all items at once, as lists of two.
    if items is not None:
        _set_items(made, [_typed(item, list) for item in _typed(items, list)])
        # One list that is passed again and again would make a dict of its size each time.
        items.clear()
    return made


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    # The further arguments, gradients and hooks, are for training.
    if not len(_typed(size, tuple)) == len(_typed(stride, tuple)) <= MAX_DIMENSIONS:
        raise ValueError("a tensor's size does not fit its strides")
    if any(not 0 <= _typed(number, int) <= MAX_INDEX for number in (offset, *size, *stride)):
        raise ValueError("a tensor does not fit into any memory")
    return Tensor(_typed(storage, Storage), offset, size, stride)


def _parameter(tensor: Any, *_: Any) -> Tensor:
    return _typed(tensor, Tensor)


# Name to the function that makes the object, and how many arguments that needs.
_MAKERS: dict[_Name, tuple[Callable[..., Any], int]] = {
    _Name("collections", "OrderedDict"): (_ordered_dict, 0),
    _Name("torch._utils", "_rebuild_tensor_v2"): (_tensor, 4),
    _Name("torch._utils", "_rebuild_parameter"): (_parameter, 1),
}
