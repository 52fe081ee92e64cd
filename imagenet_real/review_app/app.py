"""The web application: pages, pictures, and the addresses that the pages ask."""

import os
import sqlite3
from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from imagenet_real.errors import InputError
from imagenet_real.io.names import one_line
from imagenet_real.labels.json_format import as_json as label_set_as_json
from imagenet_real.review_app.address import check_address
from imagenet_real.review_app.content import Content
from imagenet_real.review_app.guard import Guard
from imagenet_real.review_app.login import Login
from imagenet_real.review_app.pairs import Pairs
from imagenet_real.review_app.pictures import Pictures
from imagenet_real.review_app.rating import Rating
from imagenet_real.review_app.requests import RELOAD, answers_of, is_key, name_of, number_of, read_body
from imagenet_real.review_app.review import Review, View
from imagenet_real.review_app.store import Conflict

STATIC = os.path.join(os.path.dirname(__file__), "static")
MAX_ERROR = 300  # characters
NOT_STORED = "The answer is not stored. The page keeps it and sends it again."


def make_app(content: Content, host: str, token: str) -> ASGIApp:
    """Returns the application. Raises InputError if other machines could reach it without a token."""
    check_address(host, token)
    routes = [
        Route("/", _start(content)),
        Route("/api/about", lambda request: JSONResponse(content.about())),
        Route("/image/{source}/{image_id:path}", _image(content.pictures)),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    if content.review:
        routes += _review_routes(content.review)
    if content.pairs:
        routes += _pairs_routes(content.pairs)
    if content.rating:
        routes += _rating_routes(content.rating)
    app = Starlette(
        routes=routes,
        exception_handlers={
            Conflict: _refusal(409),
            InputError: _refusal(400),
            sqlite3.Error: _disk_refusal,
            OSError: _disk_refusal,
            Exception: _failure,
        },
    )
    app.router.redirect_slashes = False  # an address is right or wrong
    return Guard(
        GZipMiddleware(app, minimum_size=2000), host, token, Login(token, STATIC)
    )  # the guard sees every answer


def _refusal(status: int) -> Callable[[Request, Exception], Response]:
    return lambda request, error: JSONResponse({"error": one_line(error)[:MAX_ERROR]}, status)


def _disk_refusal(request: Request, error: Exception) -> Response:
    reason = error.strerror if isinstance(error, OSError) else error
    return JSONResponse({"error": f"the disk of the server refuses an answer ({one_line(reason)}). {NOT_STORED}"}, 503)


def _failure(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the server failed ({type(error).__name__}). Its terminal says where."}, 500)


def _page(name: str) -> Callable[[Request], Response]:
    return lambda request: FileResponse(os.path.join(STATIC, name))


def _start(content: Content) -> Callable[[Request], Response]:
    return _page("review.html" if content.review else "pairs.html" if content.pairs else "rate.html")


def _image(pictures: Mapping[str, Pictures]) -> Callable[[Request], Response]:
    def image(request: Request) -> Response:
        source, image_id = pictures.get(request.path_params["source"]), request.path_params["image_id"]
        if source is None or image_id not in source:
            return PlainTextResponse("no such image", 404)
        try:
            content, media_type = source.read(image_id)
        except (InputError, OSError) as error:
            return PlainTextResponse(f"the image cannot be read: {one_line(error)[:MAX_ERROR]}", 404)
        return Response(content, media_type=media_type, headers={"cache-control": "private, max-age=3600"})

    return image


def _review_routes(review: Review) -> list[Route]:
    def get_item(request: Request) -> Response:
        query, view = request.query_params, _view(request, review)
        if "image_id" in query:
            item = review.of_image(query["image_id"], view)
        else:
            item = review.step(view, number_of(query, "start", 0), -1 if query.get("back") else 1)
        return JSONResponse({"item": item, "progress": review.progress(view)})

    async def judge(request: Request) -> Response:
        body, view = await read_body(request), _view(request, review)
        key, image_id, verdict = body.get("key"), body.get("image_id"), body.get("verdict")
        if not is_key(key) or not isinstance(verdict, dict):
            raise InputError(f"the verdict is not complete: expected key, image_id and verdict. {RELOAD}")
        await run_in_threadpool(review.judge, key, str(image_id), view, verdict)
        return JSONResponse({"stored": key})

    async def undo(request: Request) -> Response:
        return JSONResponse({"image_id": await run_in_threadpool(review.undo, _view(request, review))})

    def classes(request: Request) -> Response:
        query = request.query_params
        if "near" in query:
            label = number_of(query, "near", 0)
            if label >= len(review.classes):
                raise InputError(f"there is no class {label}. Give a number from 0 to {len(review.classes) - 1}.")
            return JSONResponse(review.classes.near(label))
        return JSONResponse(review.classes.search(query.get("q", "")))

    return [
        Route("/api/item", get_item),
        Route("/api/judge", judge, methods=["POST"]),
        Route("/api/undo", undo, methods=["POST"]),
        Route("/api/classes", classes),
        Route("/export/mistakes.json", lambda request: _download(review.as_judged(), "mistakes.json")),
        Route(
            "/export/labels.json",
            lambda request: _download(label_set_as_json(review.updated("reviewed")), "labels.json"),
        ),
    ]


def _pairs_routes(pairs: Pairs) -> list[Route]:
    def item(request: Request) -> Response:
        return JSONResponse(pairs.next(name_of(request), number_of(request.query_params, "start", 0)))

    async def judge(request: Request) -> Response:
        body = await read_body(request)
        key, pair, same = body.get("key"), body.get("pair"), body.get("same")
        if not is_key(key) or type(pair) is not int or type(same) is not bool:
            raise InputError(f"the verdict is not complete: expected key, pair and same. {RELOAD}")
        await run_in_threadpool(pairs.judge, key, pair, name_of(request), same)
        return JSONResponse({"stored": key})

    async def undo(request: Request) -> Response:
        return JSONResponse({"pair": await run_in_threadpool(pairs.undo, name_of(request))})

    return [
        Route("/api/pair", item),
        Route("/api/same", judge, methods=["POST"]),
        Route("/api/undo", undo, methods=["POST"]),
        Route("/export/confirmed.json", lambda request: _download(pairs.as_json(), "confirmed.json")),
    ]


def _rating_routes(rating: Rating) -> list[Route]:
    def task(request: Request) -> Response:
        rater = _rater(request)
        if request.query_params.get("back"):
            return JSONResponse(rating.previous(rater))
        skipped = number_of(request.query_params, "skip", 0) if request.query_params.get("skip") else None
        return JSONResponse(rating.next(rater, skipped))

    async def answer(request: Request) -> Response:
        body, rater = await read_body(request), _rater(request)
        number, answers, seconds = body.get("task"), answers_of(body.get("answers")), body.get("seconds")
        if type(number) is not int or answers is None:
            raise InputError(f"the answers are not complete: expected task and answers, by class. {RELOAD}")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds < 1e6:
            seconds = None
        if not all(isinstance(answer, str) for answer in answers.values()):
            raise InputError("an answer is not text. Give no, maybe or yes for each label.")
        await run_in_threadpool(rating.answer, rater, number, answers, seconds)
        return JSONResponse({"stored": number})

    def _rater(request: Request) -> str:
        rater = name_of(request)
        if not rating.is_known(rater):
            raise InputError(f"{rater} has no tasks. Enter the name that you got with your tasks, such as rater001.")
        return rater

    return [Route("/api/task", task), Route("/api/answer", answer, methods=["POST"])]


def _view(request: Request, review: Review) -> View:
    query = request.query_params
    return View(
        reviewer=name_of(request),
        panel=query.get("panel") == "1",
        state=query.get("state") or "open",
        labels=review.classes.matching(query["class"]) if query.get("class") else None,
        category=query.get("category") or None,
        judged_by=query.get("by") or None,
    )


def _download(content: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/json", headers=headers)
