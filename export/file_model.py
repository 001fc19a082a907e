"""A SavedModel that translates files: JPEG or PNG in, PNG out; pictures that are too large, tile by tile."""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from export.loaded_model import LoadedModel
from export.serving.answers import SIGNATURE, TENSOR
from export.serving.servable import FLOATS, MEASURE, TILES
from pipelines.images.result_format import ResultFormat
from pipelines.system.terminal import InputError
from tfpix2pix.translation.large import LargePictures
from tfpix2pix.translation.memory_budget import pixels_that_fit
from tfpix2pix.translation.options import SizeOptions

# So many pixels are always translated at once.
SMALL = 2**20


class Extent(NamedTuple):
    """How large a picture is.

    Attributes:
      pixels: of the whole.
      has_windows: whether parts of it can be read without the rest.
    """

    pixels: int
    has_windows: bool


class FileModel(LoadedModel):
    """A SavedModel by export_saved_model.

    Args:
      path: as LoadedModel has it.

    Raises:
      InputError: it cannot be loaded, or has no signature from images to images.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        signature: Any = self.signatures.get(SIGNATURE)
        inputs = signature.structured_input_signature[1] if signature else {}
        if list(inputs) != [TENSOR] or TENSOR not in signature.structured_outputs:
            raise InputError(
                f"model={path} has no {SIGNATURE} from {TENSOR} to {TENSOR}; export it by export.saved_model, or use "
                "tfpix2pix.translate for a run whose files are not PNG's kind"
            )

    def translate(self, files: list[bytes]) -> list[bytes]:
        """Translates JPEG or PNG files to PNG files, as one request."""
        return list(self.signatures[SIGNATURE](**{TENSOR: tf.constant(files)})[TENSOR].numpy())

    @functools.cached_property
    def fingerprint(self) -> str:
        """Text that differs between exports, from the file that TensorFlow writes beside each."""
        file = self.folder / "fingerprint.pb"
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else str(self.folder)

    @property
    def why_no_tiles(self) -> str | None:
        """Why it cannot translate a picture tile by tile, with the remedy; None if it can."""
        if self.config is None or "fit" not in self.description:
            return f"model={self.folder} was exported by an earlier version, and takes no tiles; export the run again"
        return None

    def is_large(self, extent: Extent, options: SizeOptions, max_pixels: int) -> bool:
        """Tells whether a picture is translated tile by tile.

        It is where that was asked for and it is larger than a tile, where the whole does not fit into memory, and where
        only windows of it may be read.

        Args:
          extent: of the picture.
          options: say whether tiles are asked for, and how much memory there is.
          max_pixels: of a picture of more, only windows may be read.
        """
        is_asked = options.fit == "tile"
        if self.why_no_tiles or (self.description["fit"] == "resize" and not is_asked):
            return False
        pixels = extent.pixels
        if pixels > min(max_pixels, self.description["max_pixels"]):
            return extent.has_windows
        return pixels > options.tile**2 if is_asked else pixels > SMALL and pixels > self.room(options)

    def room(self, options: SizeOptions) -> int:
        """Returns how many pixels fit into memory."""
        if self.config is None:
            raise ValueError("the export does not tell")
        return pixels_that_fit(self.config, options.memory_mib)

    def large_pictures(self, options: SizeOptions, max_pixels: int) -> LargePictures:
        """Returns what translates pictures tile by tile.

        Args:
          options: of tiles.
          max_pixels: of pictures that cannot be read by windows.

        Raises:
          InputError: the model cannot, or a tile does not suit it.
        """
        if self.config is None or self.why_no_tiles:
            raise InputError(str(self.why_no_tiles))
        form = dataclasses.replace(self.config.image_format("source"), max_pixels=max_pixels)
        network = SignatureTiles(self.signatures)
        step = self.config.multiple
        return LargePictures(network, form, "", step, options, self.room(options), self.fingerprint)

    def result_format(self, suffix: str) -> ResultFormat:
        """Returns the form of a result's file."""
        if self.config is None:
            raise ValueError("the export does not tell")
        return ResultFormat(suffix[1:], self.config.image_format("target"), self.config.result_type)


class SignatureTiles:
    """A TileNetwork of a served model's signatures."""

    def __init__(self, signatures: Mapping[str, Any]) -> None:
        self._signatures = signatures
        self.has_statistics = MEASURE in signatures

    def measure(self, tiles: tf.Tensor) -> tf.Tensor:
        """Returns mean and variance over all tiles, `(2, K)`, as TileNetwork has it."""
        return self._signatures[MEASURE](source=tiles)["statistics"]

    def generate(self, tiles: tf.Tensor, statistics: tf.Tensor | None = None) -> tf.Tensor:
        """Translates tiles, as TileNetwork has it."""
        if statistics is None:
            return self._signatures[FLOATS](source=tiles)["generated"]
        return self._signatures[TILES](source=tiles, statistics=statistics)["generated"]
