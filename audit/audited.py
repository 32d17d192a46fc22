"""A site to audit: the real binary on a free port, its data in a temporary folder, with people,
a video that plays, comments and an upload that is open. Ends what it started."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/debug/virga"

# The audit asks more than any visitor would; what limits refuse it would not see.
SETTINGS = {
    "VIRGA_LIMITS__READS_PER_SECOND": "100000",
    "VIRGA_LIMITS__WRITES_PER_SECOND": "100000",
    "VIRGA_LIMITS__FAILED_SIGN_INS_PER_NAME": "1000000",
    "VIRGA_LIMITS__FAILED_SIGN_INS_PER_ADDRESS": "1000000",
    "VIRGA_LIMITS__FAILED_SIGN_INS_BY_STRANGERS": "1000000",
    "VIRGA_LIMITS__SIGN_UPS_PER_HOUR": "1000000",
    "VIRGA_LIMITS__DRAFTS_PER_USER": "1000000",
    "VIRGA_LIMITS__COMMENTS_PER_HOUR": "1000000",
    "VIRGA_LIMITS__TEXT_BYTES_PER_HOUR": "1000000000",
    # No made-up upload is too large for the disk of the day.
    "VIRGA_LIMITS__UPLOAD_MAX": str(64 << 20),
    "VIRGA_LOG__LEVEL": "warn",
}


class Site:
    """Use with `with`: the process ends and its data go with the block."""

    def __enter__(self):
        self.data = Path(tempfile.mkdtemp(prefix="virga-audit-"))
        self.log = (self.data / "log").open("w")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", self.data / "site", "--listen", "127.0.0.1:0"],
            cwd=self.data,
            env={"PATH": os.environ["PATH"], "HOME": str(self.data), **SETTINGS},
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        try:
            self._read_addresses()
            self._fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=45)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.data, ignore_errors=True)

    def _read_addresses(self):
        found = {}
        for line in self.process.stdout:
            for name, pattern in (
                ("url", r"is ready: (http\S+)"),
                ("setup", r"/setup\?token=(\w+)"),
            ):
                if match := re.search(pattern, line):
                    found[name] = match[1].rstrip("/")
            if len(found) == 2:
                break
        if len(found) < 2:
            raise RuntimeError(f"the site did not start:\n{self.said()}")
        self.url, self.setup = found["url"], found["setup"]
        # Whatever it says later must not fill the pipe and stop it.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def said(self):
        """What the process wrote to its log."""
        self.log.flush()
        return (self.data / "log").read_text(errors="replace")

    def ask(self, method, path, body=None, token=None, raw=None):
        """Status and answer (as JSON where it is some)."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            raw, headers["content-type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.url + path, raw, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            status, text = refused.code, refused.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def must(self, *args, **kwargs):
        """The answer; raises where it is a refusal."""
        status, answer = self.ask(*args, **kwargs)
        if status >= 400:
            raise RuntimeError(f"{args[:2]}: {status} {answer}")
        return answer

    def draft(self, token, title, visibility="public"):
        """Id of a new video without a file."""
        ask = {"title": title, "visibility": visibility, "description": "Seen by the audit."}
        return self.must("POST", "/api/v1/videos", ask, token)["id"]

    def open_upload(self, token, video, size, name):
        """A new upload as the API shows it."""
        ask = {"video_id": video, "file_name": name, "size": size, "fingerprint": name}
        return self.must("POST", "/api/v1/uploads", ask, token)

    def upload(self, token, title, visibility, film):
        """Id of a video that plays."""
        video = self.draft(token, title, visibility)
        upload = self.open_upload(token, video, len(film), title)
        path = f"/api/v1/uploads/{upload['id']}"
        size = upload["part_size"]
        numbers = list(range(1, -(-len(film) // size) + 1))
        for part in self.must("POST", f"{path}/parts/sign", {"numbers": numbers}, token):
            start = (part["number"] - 1) * size
            self.must("PUT", part["url"], raw=film[start : start + size])
        self.must("POST", f"{path}/complete", token=token)
        deadline = time.monotonic() + 240
        while (shown := self.must("GET", f"/api/v1/videos/{video}", token=token))["state"] != "ready":
            if shown["state"] == "failed" or time.monotonic() > deadline:
                raise RuntimeError(f"the film does not play: {shown}")
            time.sleep(0.2)
        return video

    def _fill(self):
        film = self.data / "film.mp4"
        made = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i"]
        made += ["testsrc2=size=320x180:rate=25:duration=2", "-f", "lavfi", "-i", "sine=duration=2"]
        made += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50"]
        subprocess.run([*made, "-c:a", "aac", "-movflags", "+faststart", film], check=True)
        person = {"name": "auditor", "password": "a password to audit with"}
        admin = {"token": self.setup, "site_name": "Audited", "registration": "open", **person}
        self.admin = self.must("POST", "/api/v1/setup", admin)["token"]
        self.name = "member"
        person["name"] = self.name
        self.token = self.must("POST", "/api/v1/users", person)["token"]
        self.film = self.upload(self.token, "A film", "public", film.read_bytes())
        self.hidden = self.upload(self.token, "A film of my own", "private", film.read_bytes())
        comments = f"/api/v1/videos/{self.film}/comments"
        self.comment = self.must("POST", comments, {"text": "Well seen."}, self.token)["id"]
        self.must("POST", comments, {"text": "Indeed."}, self.admin)
        self.empty = self.draft(self.token, "Not yet")
        self.waiting = self.draft(self.token, "Half way")
        self.half = self.open_upload(self.token, self.waiting, 20_000_000, "half")["id"]
