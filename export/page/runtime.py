"""Finds or downloads LiteRT.js, which runs TFLite files in browsers, and takes from it what a page needs."""

import json
import os
import pathlib
import tarfile

from pipelines.system.download import download
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json

VERSION = "2.5.3"
PACKAGE = "@litertjs/core"
FILE_NAME = f"litertjs-core-{VERSION}.tgz"
# Of the file whose sha512 package-lock.json has, as the registry gives it.
SHA256 = "3e51a66cc3aaf568ad5fb14ed2385b749c3d1ad85ab6ccae0905e34edff0259a"
PACKED_BYTES = 11_817_097
REGISTRY = "https://registry.npmjs.org"
# Where downloads are kept in the folder of all data.
FOLDER = "runtime"

MODULE = "dist/index.js"
# With threads; without; and for browsers that lack the newer vector instructions. A visitor loads one of them.
BUILDS = ("litert_wasm_threaded_internal", "litert_wasm_internal", "litert_wasm_compat_internal")
IMPORT = 'from "@litertjs/wasm-utils"'
SOURCE_MAP = "//# sourceMappingURL="
NOTICE = f"""LiteRT.js, {PACKAGE} {VERSION} from npm: https://github.com/google-ai-edge/LiteRT
Copyright Google LLC, under the Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0
litert.js is its dist/index.js, importing another loader; the other files are as they are in the package.
"""


def read_runtime(given: str | os.PathLike[str], data_dir: str | os.PathLike[str]) -> dict[str, bytes]:
    """Returns the files that a page needs of LiteRT.js, name to contents.

    Args:
      given: the package's .tgz, its folder, or one that has it in node_modules. If empty, node_modules of the current
        folder is looked into, else it is downloaded.
      data_dir: the folder of all data, in which the download is kept.

    Raises:
      InputError: it is no such package, or the download fails.
      OSError: the disk is full or not writable.
    """
    package = _find(pathlib.Path(given) if given else None, pathlib.Path(data_dir))
    try:
        files = _from_folder(package) if package.is_dir() else _from_archive(package)
        version = parse_json(files.pop("package.json"))["version"]
        module = files.pop(MODULE).decode()
    except (OSError, tarfile.TarError, EOFError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"runtime={package} is not {PACKAGE} ({error}); give its folder in node_modules, or what `npm pack "
            f"{PACKAGE}@{VERSION}` writes"
        ) from None
    if version != VERSION or module.count(IMPORT) != 1:
        raise InputError(f"runtime={package} is {PACKAGE} {version}, and the page is made for {VERSION}; give that one")
    module = module.replace(IMPORT, 'from "../load-wasm.js"').partition(SOURCE_MAP)[0]
    found = {pathlib.PurePath(name).name: contents for name, contents in files.items()}
    sizes = {name: len(contents) for name, contents in found.items() if name.endswith(".wasm")}
    about = {"version": version, "bytes": sizes}
    texts = {"litert.js": module, "runtime.json": json.dumps(about, indent=2) + "\n", "NOTICE": NOTICE}
    return {**found, **{name: text.encode() for name, text in texts.items()}}


def _find(given: pathlib.Path | None, data_dir: pathlib.Path) -> pathlib.Path:
    if given:
        inside = given / "node_modules" / PACKAGE
        return inside if inside.is_dir() else given
    installed = pathlib.Path("node_modules") / PACKAGE
    if installed.is_dir():
        return installed
    file = data_dir / FOLDER / FILE_NAME
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        registry = os.environ.get("NPM_CONFIG_REGISTRY", REGISTRY).rstrip("/")
        try:
            download(f"{registry}/{PACKAGE}/-/core-{VERSION}.tgz", file, PACKED_BYTES, SHA256)
        except InputError as error:
            raise InputError(f"{error}, or give --runtime=FILE") from None
    return file


def _names() -> list[str]:
    return ["package.json", MODULE, *(f"wasm/{build}.{suffix}" for build in BUILDS for suffix in ("js", "wasm"))]


def _from_folder(folder: pathlib.Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in _names()}


def _from_archive(file: pathlib.Path) -> dict[str, bytes]:
    with tarfile.open(file, "r:gz") as archive:
        found = {}
        for name in _names():
            member = archive.extractfile(f"package/{name}")
            if member is None:
                raise KeyError(f"package/{name} is not a file")
            found[name] = member.read()
        return found
