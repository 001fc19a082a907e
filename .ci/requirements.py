"""Prints what pyproject.toml requires, one requirement a line, for pip install --requirement.

    python .ci/requirements.py tensorflow-cpu serving dev     the package's dependencies and those of two extras
    python .ci/requirements.py --group audit                  a dependency group alone

The first word is the TensorFlow to take: tensorflow, tensorflow-cpu or tensorflow[and-cuda]. pip cannot know that
tensorflow-cpu has all that tensorflow-serving-api needs, so with it that package is left out, and installed by
`pip install --no-deps` instead.
"""

import pathlib
import re
import sys

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

PROJECT = pathlib.Path(__file__).resolve().parents[1] / "pyproject.toml"


def requirements(tensorflow: str, extras: list[str], text: str) -> list[str]:
    """Returns the requirements of the package and of some extras, with the TensorFlow that was asked for."""
    project = tomllib.loads(text)["project"]
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    lines = [re.sub(r"^tensorflow(?=[<>=])", tensorflow, line) for line in lines]
    if tensorflow == "tensorflow-cpu":
        lines = [line for line in lines if not line.startswith("tensorflow-serving-api")]
    return lines


def group(name: str, text: str) -> list[str]:
    """Returns the requirements of a dependency group."""
    return tomllib.loads(text)["dependency-groups"][name]


if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    project_text = PROJECT.read_text(encoding="utf-8")
    print(*(group(*rest, project_text) if first == "--group" else requirements(first, rest, project_text)), sep="\n")
