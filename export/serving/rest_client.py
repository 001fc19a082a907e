"""The client of TensorFlow Serving's REST interface: image files in, PNG files out."""

import base64
import http.client

import requests
import urllib3
from requests.adapters import HTTPAdapter

from export.serving import answers
from export.serving.answers import OTHER_SERVER, SIGNATURE, TENSOR, RefusedError, UnreachableError
from pipelines.system.untrusted_json import parse_json

CHUNK_BYTES = 1 << 16
# Bad request, and one that is too large.
REFUSED = (400, 413)


class RestClient:
    """Sends images by REST (TensorFlow Serving's documentation, api_rest).

    Args:
      server: HOST:PORT, or a URL such as https://host/prefix.
      model: the model's name.
      version: None for the newest.
      timeout: seconds to wait for a connection, and for each part of the answer.
      retries: how often a request is repeated if the server is unavailable.
    """

    def __init__(self, server: str, model: str, version: int | None, timeout: float, retries: int) -> None:
        base = server if "://" in server else f"http://{server}"
        which = f"/versions/{version}" if version else ""
        self.model = model
        self.path = f"/v1/models/{model}{which}:predict"
        self.url = base.rstrip("/") + self.path
        self.timeout = timeout
        self.session = requests.Session()
        # 503 is 'unavailable'. A POST may be repeated here: translating has no side effect.
        policy = urllib3.Retry(
            retries,
            read=False,
            status_forcelist=[503],
            allowed_methods=None,
            backoff_factor=answers.BACKOFF,
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=policy))

    def translate(self, files: list[bytes]) -> list[bytes]:
        """Sends one request.

        Raises:
          RefusedError: with the server's reason.
          UnreachableError: with the reason.
        """
        instances = [{TENSOR: {"b64": base64.b64encode(file).decode()}} for file in files]
        try:
            response, content = self._post({"signature_name": SIGNATURE, "instances": instances})
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise UnreachableError(self._reason(error)) from None
        try:
            answer = parse_json(content)
            if response.ok:
                pairs = zip(files, answer["predictions"], strict=True)
                results = [base64.b64decode(prediction["b64"], validate=True) for _, prediction in pairs]
                return answers.check_pngs(self.model, results)
            message = answer["error"]
        except (ValueError, KeyError, TypeError):
            raise UnreachableError(OTHER_SERVER) from None
        if not isinstance(message, str):
            raise UnreachableError(OTHER_SERVER)
        reason = answers.short_reason(message)
        raise RefusedError(reason) if response.status_code in REFUSED else UnreachableError(reason)

    def _post(self, body: dict[str, object]) -> tuple[requests.Response, bytes]:
        with self.session.post(
            self.url, json=body, timeout=self.timeout, stream=True, allow_redirects=False
        ) as response:
            if response.is_redirect:
                target = response.headers["Location"].removesuffix(self.path)
                raise UnreachableError(f"the server redirects to {target}; give that as --server")
            content = bytearray()
            # Piece by piece: a small compressed answer may unpack to a huge one.
            for chunk in response.iter_content(CHUNK_BYTES):
                content += chunk
                if len(content) > answers.MAX_MESSAGE:
                    raise UnreachableError(f"its answer has more than {answers.MAX_MESSAGE} bytes")
            return response, bytes(content)

    def _reason(self, error: BaseException) -> str:
        """Returns what lies below requests' and urllib3's wrappings, such as 'Connection refused'."""
        is_late = isinstance(error, requests.Timeout)
        while inner := error.__cause__ or error.__context__:
            error = inner
        if is_late or isinstance(error, TimeoutError):
            return f"no answer within {self.timeout:g} s"
        if isinstance(error, http.client.RemoteDisconnected):
            return "it closed the connection without an answer"
        if isinstance(error, http.client.HTTPException):
            return "it does not speak HTTP; is it the gRPC port?"
        return getattr(error, "strerror", None) or str(error)
