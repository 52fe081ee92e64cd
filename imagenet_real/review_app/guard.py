"""Who may speak to the server: this machine alone, or who has the token; and no page of another site."""

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagenet_real.errors import InputError

COOKIE = "imagenet_real_token"
SHORTEST_TOKEN = 16
HEADERS = {
    # No script but our own files: a name or a comment that holds one is text.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def is_this_machine(host: str) -> bool:
    """Whether an address is one that only this machine reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_address(host: str, token: str) -> None:
    """Raises InputError where others could reach the server without a token."""
    if not is_this_machine(host) and len(token) < SHORTEST_TOKEN:
        raise InputError(
            f"host={host} can be reached from other machines: give --config.token=SECRET of at least {SHORTEST_TOKEN} "
            "characters, or --config.host=127.0.0.1."
        )


class Guard:
    """Refuses requests that are not meant for this server, and adds headers to every answer."""

    def __init__(self, app: ASGIApp, host: str, token: str):
        self._app, self._token, self._local = app, token, is_this_machine(host)

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

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        # Another site's name can be made to point here, but then its own name stands in the request.
        if self._local and not is_this_machine(_hostname(f"//{host}")):
            return PlainTextResponse(f"this server does not answer for {host!r}", 403)
        if scope["method"] not in ("GET", "HEAD") and not _same_site(headers, host):
            return PlainTextResponse("a page of another site may not write here", 403)
        if not self._token:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if given and hmac.compare_digest(given.encode(), self._token.encode()):
            to_page = RedirectResponse(scope["path"], 303)  # so that the token does not stay in the address
            to_page.set_cookie(COOKIE, self._token, httponly=True, samesite="strict", max_age=30 * 86400)
            return to_page
        if not hmac.compare_digest(_cookie(headers).encode(), self._token.encode()):
            return PlainTextResponse("this server needs its token: open /?token=...", 401)
        return None


def _same_site(headers: Headers, host: str) -> bool:
    """A form cannot send JSON, and a script of another site cannot without being named in the request."""
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return False
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == host


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
