"""How a person gives the token of the server: a page that takes it, or a link that brings it behind a `#`.

A browser sends no server what is behind the `#`. The token is thus in no log and in no address that another site sees.
"""

import hmac
import os
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from imagenet_real.errors import InputError
from imagenet_real.review_app.guard import COOKIE
from imagenet_real.review_app.requests import read_body

OPEN_FILES = ("icon.svg", "login.js", "style.css")  # of the static files, those that the page needs
SECONDS_OF_COOKIE = 30 * 86400


class Login:
    """Answers requests that come without the token."""

    def __init__(self, token: str, folder: str):
        self._token, self._folder = token, folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response: ASGIApp = await self._respond(request)
        except InputError as error:
            response = JSONResponse({"error": str(error)}, 400)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = request.url.path
        if request.method == "POST" and path == "/login":
            token = (await read_body(request)).get("token")
            if not self._is_right(token):
                return JSONResponse({"error": "this is not the token of this server. Ask for it again."}, 401)
            return self._with_cookie(JSONResponse({"entered": True}))
        if request.method in ("GET", "HEAD"):
            token = parse_qs(request.scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if self._is_right(token):  # an address of an earlier version; the next one does not hold it
                return self._with_cookie(RedirectResponse("/", 303))
            if path == "/":
                return FileResponse(os.path.join(self._folder, "login.html"), 401)
            if path in (f"/static/{name}" for name in OPEN_FILES):
                return FileResponse(os.path.join(self._folder, os.path.basename(path)))
        return PlainTextResponse("This server needs its token. Open its first page.", 401)

    def _is_right(self, token: object) -> bool:
        return isinstance(token, str) and hmac.compare_digest(token.encode(), self._token.encode())

    def _with_cookie(self, response: Response) -> Response:
        response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict", max_age=SECONDS_OF_COOKIE)
        return response
