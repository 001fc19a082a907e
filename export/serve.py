"""Serves an exported model by TensorFlow Serving's REST interface, without Docker.

    python -m export.serve --model=models/facades/1
    curl localhost:8501/v1/models/facades

The model is what `export.saved_model` wrote; without a version, the newest. Pictures may be JPEG, PNG, WebP, TIFF or
BMP. Ctrl-C stops when the requests in flight are answered. There is no authentication: by default, only this machine
can ask.
"""

from absl import flags

from export.serving.versions import find_version
from pipelines.system import terminal
from pipelines.system.start_notices import import_tensorflow

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    try:
        from export.rest.listening import address_of, check_origins, listen, run
    except ModuleNotFoundError as error:
        raise terminal.InputError(f"{error.name} is not installed; pip install starlette uvicorn") from None

    terminal.no_arguments(argv)
    values = flags.FLAGS
    # TensorFlow takes seconds: what can be wrong without it is said before.
    check_origins(values.cors_origin)
    find_version(values.model)
    with listen(values.host, values.port) as listener:
        import_tensorflow()
        from export.rest.application import MIB, application
        from export.rest.drawing_page import drawing_page, predict_path
        from export.rest.served_model import ServedModel

        model = ServedModel(values.model)
        model.warm_up()
        if values.host not in LOOPBACK:
            terminal.print_warning(f"host={values.host}: whoever reaches this machine can ask; there is no password")
        address = address_of(listener)
        pages, why_no_page = drawing_page(model)
        print(f"{model.folder} is served at {address}{predict_path(model)}; Ctrl-C stops", flush=True)
        print(why_no_page or f"{address}/ is a page to draw on", flush=True)
        app = application(
            model,
            max_body_bytes=values.max_body_mib * MIB,
            threads=values.threads,
            max_queue=values.max_queue,
            cors_origins=values.cors_origin,
            pages=pages,
        )
        run(app, listener)
    return 0


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("model", None, "a SavedModel by export.saved_model, with or without its version", required=True)
    flags.DEFINE_string("host", "127.0.0.1", "an address of this machine; by default no other machine can ask")
    flags.DEFINE_integer("port", 8501, "0: a free one", lower_bound=0, upper_bound=65535)
    flags.DEFINE_integer("max_body_mib", 64, "the largest request; longer ones are refused", lower_bound=1)
    flags.DEFINE_integer("threads", 4, "requests that are computed at a time", lower_bound=1)
    flags.DEFINE_integer(
        "max_queue", 32, "requests that may wait besides; more are refused, and may come again", lower_bound=0
    )
    flags.DEFINE_multi_string(
        "cors_origin", [], "web pages of this origin may ask, such as https://example.org; may be repeated; * is all"
    )


if __name__ == "__main__":
    define_flags()
    terminal.run(main, needs_tensorflow=False)
