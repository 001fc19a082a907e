"""Mutates JSON so that it stays JSON, which mutations of bytes seldom do."""

import copy
import json
import random

import atheris

# Values for a value.
VALUES = [
    None,
    True,
    0,
    -1,
    1,
    2,
    10**30,
    -0.5,
    float("nan"),
    float("inf"),
    1e400,
    "",
    "0",
    "\0",
    "\ud800",
    "../x",
    "a/b",
]
VALUES += [[], {}, [[]], [0], [-1, 2], {"a": 1}, {"": []}, "9" * 50, "x" * 200, "n[1-99999999]"]


def mutator(split: bytes):
    """Returns a mutator for data whose parts between `split`, or the lines of these, are JSON."""

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        draws = random.Random(seed)
        if draws.random() < 0.5:
            return atheris.Mutate(data, max_size)
        between = draws.choice([split, b"\n"])
        parts = data.split(between)
        place = draws.randrange(len(parts))
        try:
            value = json.loads(parts[place])
        except (ValueError, RecursionError):
            return atheris.Mutate(data, max_size)
        for _ in range(draws.choice([1, 1, 1, 2, 5])):
            value = _changed(value, draws)
        parts[place] = json.dumps(value).encode()
        mutated = between.join(parts)
        return mutated if len(mutated) <= max_size else data

    return mutate


def _changed(value, draws):
    """Changes one thing somewhere in a value."""
    if isinstance(value, dict | list) and value and draws.random() < 0.9:
        key = draws.choice(list(value)) if isinstance(value, dict) else draws.randrange(len(value))
        change = draws.random()
        if change < 0.1:
            del value[key]
        elif change < 0.2 and isinstance(value, dict):
            value[draws.choice(["", "x", "step", "worker", "name"])] = copy.deepcopy(value[key])
        elif change < 0.2:
            value.append(copy.deepcopy(value[key]))
        else:
            value[key] = _changed(value[key], draws)
        return value
    if isinstance(value, int | float) and draws.random() < 0.3:
        return value * draws.choice([-1, 2, 1000]) + draws.choice([-1, 0, 1])
    return copy.deepcopy(draws.choice(VALUES))
