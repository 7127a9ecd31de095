"""Speaks Vault's HTTP API for one key/value engine (version 2) as its documentation says, in memory."""

import json
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

TOKEN = "hvs.test"


class VaultStub:
    """What a Vault with one token holds; `sealed` and `broken` make it refuse."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("").rstrip("/")
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.sealed = False
        server.expect_request("/v1/secret/data/auterity").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        if self.sealed:
            return _said({"errors": ["Vault is sealed"]}, 503)
        if request.headers.get("X-Vault-Token") != TOKEN:
            return _said({"errors": ["permission denied"]}, 403)
        versions = self.entries.setdefault(request.path, [])
        if request.method == "GET":
            if not versions:
                return _said({"errors": []}, 404)
            return _said({"data": {"data": versions[-1], "metadata": {"version": len(versions)}}})
        said = request.get_json()
        if said["options"].get("cas", len(versions)) != len(versions):
            return _said({"errors": ["check-and-set parameter did not match the current version"]}, 400)
        versions.append(said["data"])
        return _said({"data": {"version": len(versions)}})


def _said(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")
