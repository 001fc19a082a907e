"""Changes config.json, data.json and history.jsonl together: all of them or none, whenever the process is killed."""

import json
import pathlib
import shutil
from collections.abc import Sequence

from pipelines.system.disk import sync_folder, write_whole
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json, history, lost_pairs
from tfpix2pix.run_dir.data_json import DATA_FILE

# Is there only while a change is made. It holds all that the change writes.
CHANGE_FILE = "change.json"


def make_change(run_dir: pathlib.Path, config: Config, data: str | None, changes: Sequence[history.Change]) -> None:
    """Changes a run. From the moment at which change.json has its name the change is made; before, it is not.

    Args:
      run_dir: of the run; this process holds its lock.
      config: as it will be.
      data: what data.json will be, if the data changed. The pairs that were lost of the former data are forgotten.
      changes: the whole history, with this change.
    """
    texts = {config_json.CONFIG_FILE: config.to_json(), history.HISTORY_FILE: history.to_text(changes)}
    if data is not None:
        texts[DATA_FILE] = data
    write_whole(run_dir / CHANGE_FILE, json.dumps(texts), sync=True)
    finish_change(run_dir)


def finish_change(run_dir: pathlib.Path) -> None:
    """Finishes a change that was begun, if there is one: at once, or at the next start if the process was killed.

    Raises:
      InputError: change.json cannot be read.
    """
    texts = _unfinished(run_dir)
    if texts is None:
        return
    # Each write is the same whether it is done once or again, so this may be cut short anywhere.
    if DATA_FILE in texts:
        shutil.rmtree(run_dir / lost_pairs.FOLDER, ignore_errors=True)
    for name in sorted(texts):
        write_whole(run_dir / name, texts[name], sync=True)
    (run_dir / CHANGE_FILE).unlink()
    sync_folder(run_dir)


def load_config(run_dir: pathlib.Path) -> Config:
    """Reads the options of a run as they are once a change that was begun is finished.

    Several workers may ask while the first of them finishes it.

    Raises:
      InputError: they cannot be read.
    """
    texts = _unfinished(run_dir)
    if texts is None:
        return config_json.load(run_dir)
    try:
        return config_json.from_values(parse_json(texts[config_json.CONFIG_FILE]))
    except ValueError as error:
        raise _unreadable(run_dir, error) from None


def _unfinished(run_dir: pathlib.Path) -> dict[str, str] | None:
    """Returns the files of a change that is not finished, by name; None if there is none."""
    try:
        found = parse_json((run_dir / CHANGE_FILE).read_text())
        texts = {name: found[name] for name in (config_json.CONFIG_FILE, history.HISTORY_FILE)}
        if DATA_FILE in found:
            texts[DATA_FILE] = found[DATA_FILE]
        config_json.from_values(parse_json(texts[config_json.CONFIG_FILE]))
        history.from_text(texts[history.HISTORY_FILE])
        parse_json(texts.get(DATA_FILE, "{}"))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(run_dir, error) from None
    return texts


def _unreadable(run_dir: pathlib.Path, error: Exception) -> InputError:
    path = run_dir / CHANGE_FILE
    return InputError(
        f"{path} cannot be read ({error}); delete it to resume with {config_json.CONFIG_FILE} as it is, or give "
        "another --run_dir"
    )
