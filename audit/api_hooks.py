"""Signs schemathesis in: as administrator where that is wanted, elsewhere as the member; with a
session of its own where the call may end it."""

import json
import os
import urllib.request

import schemathesis

ENDS_SESSIONS = ("/sessions", "/users/me/password")


def session():
    """A new session of an account that nothing else uses."""
    ask = json.dumps({"name": "leaver", "password": "a password to audit with"}).encode()
    url = os.environ["VIRGA_URL"] + "/api/v1/sessions"
    request = urllib.request.Request(url, ask, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["token"]


@schemathesis.auth(refresh_interval=None)
class Token:
    def get(self, case, context):
        path = case.operation.path
        if "/admin/" in path:
            return os.environ["VIRGA_ADMIN"]
        if any(it in path for it in ENDS_SESSIONS) and case.method in ("DELETE", "PUT"):
            return session()
        return os.environ["VIRGA_TOKEN"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"
