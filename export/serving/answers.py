"""What both clients share: the signature they call, the errors they raise, and the check of a server's answer."""

import re

from pipelines.images.header import PNG_START

SIGNATURE = "serving_default"
TENSOR = "image_bytes"
# Seconds before a request is repeated; each further repetition waits twice as long.
BACKOFF = 0.2
# The largest answer in bytes; gRPC's own limit is 4 MiB, less than some photos.
MAX_MESSAGE = 256 << 20
OTHER_SERVER = "it does not answer as TensorFlow Serving does"

# TensorFlow's frame around the reason of a failed assertion.
ASSERTION = re.compile(r"assertion failed: \[(.*?)\]\s*(\[\[|$)", re.DOTALL)
# How many characters of a reason are searched: the time grows with their square.
MAX_REASON = 2000


class RefusedError(Exception):
    """The server refuses these images; it may take others."""


class UnreachableError(Exception):
    """The server gave no usable answer after all repetitions; other images would get none either."""


def check_pngs(model: str, results: list[bytes]) -> list[bytes]:
    """Returns the results; raises UnreachableError unless all are PNG files."""
    if not all(result.startswith(PNG_START) for result in results):
        raise UnreachableError(f"model={model} answers with something other than a PNG file; it is another model")
    return results


def short_reason(message: str) -> str:
    """Returns TensorFlow's message as one line, without its frame."""
    message = message[:MAX_REASON].strip()
    assertion = ASSERTION.search(message)
    reason = assertion[1] if assertion else message.partition("\n")[0]
    return reason or "the server gives no reason"
