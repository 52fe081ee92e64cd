"""What a page sends: the fields of an address and the JSON of a body. Whatever comes, the answer is one line."""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from imagenet_real.errors import InputError
from imagenet_real.io import readers

MAX_BODY = 64 * 1024  # bytes
RELOAD = "Load the page again."
# No control codes, and none that turn the direction of the text around it.
_NAME = re.compile("[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]{1,60}")
_KEY = re.compile(r"[A-Za-z0-9-]{8,64}")
_NUMBER = re.compile(r"[0-9]{1,9}")


async def read_body(request: Request) -> dict[str, Any]:
    """Returns the JSON object of a body, without lone surrogates and of bounded depth. Raises InputError."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_BODY:
            raise InputError(f"the request has more than {MAX_BODY} bytes. Shorten the comment.")
    body = readers.parse_json(content, "the request", remedy=RELOAD)
    if not isinstance(body, dict):
        raise InputError(f"the request is not a JSON object. {RELOAD}")
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError("a text holds half a character (a lone surrogate). Delete the last characters.") from None
    return body


def is_key(value: Any) -> bool:
    """Returns whether a value is the key of an answer, as the page makes it."""
    return isinstance(value, str) and bool(_KEY.fullmatch(value))


def name_of(request: Request) -> str:
    """Returns the name of the person. Raises InputError."""
    name = request.query_params.get("name", "").strip()
    if not _NAME.fullmatch(name):
        raise InputError("the name is empty or too long. Please enter a name of 1 to 60 characters.")
    return name


def number_of(query: Mapping[str, str], name: str, default: int) -> int:
    """Returns a number of the address. Raises InputError."""
    text = query.get(name, str(default))
    if not _NUMBER.fullmatch(text):
        raise InputError(f"{name} is {readers.shown(text)}. Give a number of at most 9 digits.")
    return int(text)


def answers_of(value: Any) -> dict[int, str] | None:
    """Returns the answers to a task by class; None if they are none."""
    if not isinstance(value, dict) or not all(_NUMBER.fullmatch(label) for label in value):
        return None
    return {int(label): answer for label, answer in value.items()}
