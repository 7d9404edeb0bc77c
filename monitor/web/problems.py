"""What is said when something cannot be answered: a page to people, JSON to programs."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from monitor.core.errors import StoreError
from monitor.web.api import PREFIX
from monitor.web.frame import Frame
from monitor.web.guard import HEADERS

_PLAINLY = {
    "Not Found": "There is no such page.",
    "Method Not Allowed": "This page can only be read.",
}


class Problems:
    """The handlers of an application's errors."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def install(self, app: FastAPI) -> None:
        """Let the application answer errors in our words."""
        app.add_exception_handler(StarletteHTTPException, self.refused)
        app.add_exception_handler(RequestValidationError, self.misread)
        app.add_exception_handler(StoreError, self.without_store)
        app.add_exception_handler(Exception, self.failed)

    def refused(self, request: Request, error: Exception) -> Response:
        """An address that is not there, or a method that is not allowed."""
        assert isinstance(error, StarletteHTTPException)
        if error.status_code == 303:
            return Response(status_code=303, headers=error.headers)
        said = _PLAINLY.get(error.detail, error.detail)
        return self._said(request, error.status_code, said, error.headers)

    def misread(self, request: Request, error: Exception) -> Response:
        """A question that nobody understands; what was sent is not sent back."""
        assert isinstance(error, RequestValidationError)
        if not _is_program(request):
            return self._said(request, 400, "That address cannot be understood.")
        where = [".".join(str(part) for part in one["loc"])[:100] for one in error.errors()[:5]]
        return self._said(request, 422, f"This cannot be understood: {', '.join(where)}.")

    def without_store(self, request: Request, _error: Exception) -> Response:
        """The database does not answer."""
        return self._said(request, 503, "The store does not answer.")

    def failed(self, request: Request, _error: Exception) -> Response:
        """An error that nobody foresaw: it is outside of the guard, so it brings its headers."""
        answer = self._said(request, 500, "This page failed in a way that it should not.")
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    def _said(
        self, request: Request, status: int, said: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        if _is_program(request):
            return JSONResponse({"error": said}, status, headers)
        return self._frame.problem(status, said, headers)


def _is_program(request: Request) -> bool:
    return request.url.path.startswith(PREFIX)
