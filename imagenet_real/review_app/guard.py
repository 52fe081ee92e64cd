"""Refuses requests of other machines without the token, and of pages of other sites."""

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagenet_real.review_app.address import is_this_machine

COOKIE = "imagenet_real_token"
HEADERS = {
    # Only our own files may hold scripts: a script in a name or a comment stays text.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",  # a page of another site does not show our pictures
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses requests that are not for this server, and adds headers to every response.

    Args:
      app: the application.
      host: the address that the server listens on.
      token: the secret of the reviewers; empty for a server of this machine alone.
      login: the application that answers requests without the token, and takes the token.
    """

    def __init__(self, app: ASGIApp, host: str, token: str, login: ASGIApp):
        self._app, self._token, self._login, self._local = app, token, login, is_this_machine(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in present),
                ]
            await send(message)

        app = self._refusal(scope) or self._app
        await app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        # Another site's name may point to this machine, but its requests then hold that name.
        if self._local and not is_this_machine(_hostname(f"//{host}")):
            return PlainTextResponse("This server has another name. Open the address that it printed.", 403)
        if not _may_read(headers):
            return PlainTextResponse("A page of another site may not read here.", 403)
        if scope["method"] not in ("GET", "HEAD") and not _same_site(headers, host):
            return PlainTextResponse("A page of another site may not write here.", 403)
        if self._token and not hmac.compare_digest(_cookie(headers).encode(), self._token.encode()):
            return self._login
        return None


def _may_read(headers: Headers) -> bool:
    """Returns whether no page of another site reads: a person may follow a link of it, and nothing more."""
    return headers.get("sec-fetch-site") != "cross-site" or headers.get("sec-fetch-mode") == "navigate"


def _same_site(headers: Headers, host: str) -> bool:
    """Returns whether a page of this server sends the request.

    A form cannot send JSON, and the headers name the site of a script.
    """
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return False
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or _netloc(origin) == host


def _netloc(address: str) -> str | None:
    try:
        return urlsplit(address).netloc
    except ValueError:
        return None


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
