"""The page that people use: files that the build of `dashboard/` left in `gateway/page`, held in memory.

They are the same for everybody and hold nothing of any tenant, so who gets them is no call and no event.
"""

import mimetypes
from collections.abc import Mapping
from pathlib import Path

from fastapi import Request, Response
from msgspec import Struct

BUILT = Path(__file__).with_name("page")
INDEX = "/index.html"
HASHED = "/assets/"
"""What lies there has a digest in its name, so what a name stands for never changes."""
CLIENT = "/app/"
"""Below it are the page's own addresses: no route of the gateway's will ever stand there."""
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""What the build has compressed, in the order of preference."""
NOT_BUILT = b"The gateway runs. Its page is not built: `make run` does that, and the API is at /api/v1.\n"
TYPES = {".webmanifest": "application/manifest+json", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "font", "connect", "manifest", "worker")),
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
GUARDED = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""Goes with every file."""


class File(Struct, frozen=True):
    """A file as it is answered, by its encoding; `""` is the file itself."""

    bodies: Mapping[str, bytes]
    headers: Mapping[str, str]


class Page(Struct, frozen=True):
    """All files, by path; none when the page is not built."""

    files: Mapping[str, File]

    def answer(self, request: Request) -> Response | None:
        """Returns what is answered of the page, None when the request is none of the page's."""
        path = request.url.path
        if request.method not in ("GET", "HEAD") or (path.startswith(("/api/", HASHED)) and path not in self.files):
            return None
        if path in self.files:
            return self._file(request, path)
        if path != "/" and not (path.startswith(CLIENT) or "text/html" in request.headers.get("accept", "")):
            return None
        if INDEX in self.files:
            return self._file(request, INDEX)
        return Response(NOT_BUILT, 503, {**GUARDED, "Cache-Control": "no-store"}, "text/plain; charset=utf-8")

    def _file(self, request: Request, path: str) -> Response:
        file = self.files[path]
        offered = {each.partition(";")[0].strip() for each in request.headers.get("accept-encoding", "").split(",")}
        encoding = next((each for each in ENCODINGS if each in offered and each in file.bodies), "")
        headers = {**file.headers, **({"Content-Encoding": encoding} if encoding else {})}
        return Response(file.bodies[encoding], headers=headers)  # of HEAD the server leaves the body out


def page(folder: Path = BUILT) -> Page:
    """Returns the page as it is built now; a gateway that runs does not see a later build."""
    found = sorted(each for each in folder.rglob("*") if each.is_file()) if folder.is_dir() else []
    packed = tuple(ENCODINGS.values())
    plain = [each for each in found if not each.name.startswith(".") and each.suffix not in packed]
    return Page({f"/{each.relative_to(folder).as_posix()}": _loaded(folder, each) for each in plain})


def _loaded(folder: Path, file: Path) -> File:
    bodies = {"": file.read_bytes()}
    for encoding, suffix in ENCODINGS.items():
        packed = file.with_name(file.name + suffix)
        if packed.is_file():
            bodies[encoding] = packed.read_bytes()
    kind = TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind.endswith(("json", "xml"))
    hashed = f"/{file.relative_to(folder).as_posix()}".startswith(HASHED)
    return File(
        bodies,
        {
            **GUARDED,
            "Content-Type": f"{kind}; charset=utf-8" if text else kind,
            "Cache-Control": "public, max-age=31536000, immutable" if hashed else "no-cache",
            "Vary": "Accept-Encoding",
        },
    )
