"""Refuses requests of other machines without the token, and of pages of other sites."""

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagenet_real.review_app.address import is_this_machine

COOKIE = "imagenet_real_token"
HEADERS = {
    # Only our own files may hold scripts: a script in a name or a comment stays text.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Guard:
    """Refuses requests that are not for this server, and adds headers to every response."""

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

        app = self._refusal(scope) or self._app
        await app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        # Another site's name may point to this machine, but its requests then hold that name.
        if self._local and not is_this_machine(_hostname(f"//{host}")):
            return PlainTextResponse(f"this server is not {host!r}", 403)
        if scope["method"] not in ("GET", "HEAD") and not _same_site(headers, host):
            return PlainTextResponse("a page of another site may not write here", 403)
        if not self._token:
            return None
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if token and hmac.compare_digest(token.encode(), self._token.encode()):
            redirect = RedirectResponse(scope["path"], 303)  # the token must not stay in the address
            redirect.set_cookie(COOKIE, self._token, httponly=True, samesite="strict", max_age=30 * 86400)
            return redirect
        if not hmac.compare_digest(_cookie(headers).encode(), self._token.encode()):
            return PlainTextResponse("this server needs its token: open /?token=...", 401)
        return None


def _same_site(headers: Headers, host: str) -> bool:
    """Returns whether a page of this server sends the request.

    A form cannot send JSON, and the headers name the site of a script.
    """
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
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
