"""A protocol double of Aliyun OSS and of Kodo's form upload, for tests only.

It is an HTTP proxy: whoever uses it asks for the real names (`bucket.oss-cn-hangzhou-internal.
aliyuncs.com`, a domain of the bucket's own, `upload.qiniup.com`), so that a site's production
configuration is what is tested. Signatures are checked by the vendors' own code (signers.py).
What it cannot show: real limits, rates, lifecycle at work, TLS, versions.

    double.py FOLDER     keeps objects in FOLDER, writes its port to FOLDER/port
"""
import base64
import contextlib
import hashlib
import json
import re
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from signers import Account, Refused, Signers

HOST = re.compile(r"(?:([a-z0-9-]+)\.)?oss-([a-z0-9-]+?)(-internal)?\.aliyuncs\.com$")
LEAST_PART = 100 * 1024
LENT = Account("STS.lent", "lent-secret-0123456789", "lent-token/+=")
KEY_HOST = "gosspublic.alicdn.com"
KEY_URL = f"http://{KEY_HOST}/callback_pub_key_v1.pem"
EXPOSED_DAYS = "%Y-%m-%dT%H:%M:%S.000Z"


class Bucket:
    def __init__(self, name, region, folder):
        self.name, self.region, self.folder = name, region, folder
        self.objects, self.uploads = {}, {}
        self.cors, self.lifecycle = None, None
        self.lock = threading.RLock()
        folder.mkdir()

    def file(self):
        return self.folder / uuid.uuid4().hex


def child(element, name):
    found = [it for it in element if it.tag.split("}")[-1] == name]
    return found[0].text or "" if found else None


def children(element, name):
    return [it for it in element if it.tag.split("}")[-1] == name]


def parse(text):
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise Refused(400, "MalformedXML") from None


def stamp(moment):
    return datetime.fromtimestamp(moment, timezone.utc).strftime(EXPOSED_DAYS)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go in two writes: without this each answer waits for an acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, form, *args):
        sys.stderr.write(f"{form % args}\n")

    # Answers

    def answer(self, status, body=b"", headers=None, length=None):
        if 0 < self.left <= 4 << 20:
            # Who is answered while still sending may see a broken line instead of the answer.
            with contextlib.suppress(ConnectionError):
                self.left -= len(self.rfile.read(self.left))
        self.send_response_only(status)
        self.send_header("Date", formatdate(usegmt=True))
        self.send_header("Server", "AliyunOSS")
        self.send_header("x-oss-request-id", uuid.uuid4().hex[:24].upper())
        for name, value in {**self.added, **(headers or {})}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        if self.left:
            # The rest of the body was not read: nothing more can come on this connection.
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def document(self, name, inner):
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}>{inner}</{name}>'
        self.answer(200, text.encode(), {"Content-Type": "application/xml"})

    def refuse(self, refused):
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{escape(refused.code)}</Code>'
            f"<Message>no</Message><HostId>{escape(self.host)}</HostId></Error>"
        ).encode()
        headers = {"Content-Type": "application/xml", **refused.headers}
        if self.command == "HEAD":
            headers["x-oss-err"] = base64.b64encode(text).decode()
            text = b""
        self.answer(refused.status, text, headers)

    # Requests

    def handle_any(self):
        self.added, self.host = {}, ""
        self.left = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Transfer-Encoding"):
            self.left, self.close_connection = 0, True
            return self.refuse(Refused(411, "MissingContentLength"))
        try:
            self.route()
        except Refused as refused:
            self.refuse(refused)
        except ConnectionError:
            self.close_connection = True
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self.log_message("%s", repr(error))
            self.refuse(Refused(400, "InvalidArgument"))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_OPTIONS = handle_any

    def read(self, most=8 << 20):
        if self.left > most:
            raise Refused(400, "EntityTooLarge")
        body, self.left = self.rfile.read(self.left), 0
        return body

    def save(self, path):
        """The body into a file; its MD5 and size. A body that breaks off leaves nothing."""
        digest, size = hashlib.md5(), self.left
        try:
            with open(path, "wb") as file:
                while self.left:
                    piece = self.rfile.read(min(self.left, 1 << 18))
                    if not piece:
                        raise ConnectionResetError
                    self.left -= len(piece)
                    digest.update(piece)
                    file.write(piece)
            wanted = self.headers.get("Content-MD5")
            if wanted and base64.b64decode(wanted) != digest.digest():
                raise Refused(400, "InvalidDigest")
        except (ConnectionError, Refused):
            path.unlink(missing_ok=True)
            raise
        return digest.hexdigest().upper(), size

    def route(self):
        parts = urlsplit(self.path)
        if not parts.scheme:
            return self.control(parts)
        self.host = parts.hostname or ""
        if self.host.endswith(".qiniup.com"):
            return self.kodo_form()
        if self.host == KEY_HOST:
            self.server.keys_read += 1
            return self.answer(200, self.server.signers.report_key())
        if self.host == "metadata.example":
            return self.metadata(parts)
        if self.host == "sts.example":
            return self.lend(parts)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.key = unquote(parts.path)[1:]
        name, region, at_public_name = self.named()
        bucket = self.server.buckets.get(name)
        if self.command == "OPTIONS":
            return self.preflight(bucket)
        if bucket is None:
            raise Refused(404, "NoSuchBucket")
        self.bucket = bucket
        self.cross_origin(bucket)
        if self.command == "POST" and not self.key and "delete" not in self.query:
            return self.form()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.signers.check_request(
            self.command, self.path, headers, self.query, bucket.region, name, self.key
        )
        if region != bucket.region:
            raise Refused(403, "AccessDenied")
        if self.key and at_public_name and region.startswith("cn-") and region != "cn-hongkong":
            raise Refused(400, "PublicEndpointForbidden")
        with bucket.lock:
            operation = self.operation()
            if operation not in (self.put_part, self.put_object, self.get_object):
                return operation()
        return operation()

    def named(self):
        """The bucket that the host names, its region, and whether it is a public name of OSS's."""
        if self.host in self.server.domains:
            bucket = self.server.buckets[self.server.domains[self.host]]
            return bucket.name, bucket.region, False
        match = HOST.match(self.host)
        if not match:
            raise Refused(502, "NoSuchHost")
        if match[1] is None:
            raise Refused(403, "SecondLevelDomainForbidden")
        return match[1], match[2], match[3] is None

    def operation(self):
        query, wanted = self.query, (self.command, bool(self.key))
        if wanted == ("GET", False):
            for name in ("cors", "lifecycle", "uploads"):
                if name in query:
                    return getattr(self, f"get_{name}")
            return self.list_objects
        if wanted == ("PUT", False):
            for name in ("cors", "lifecycle"):
                if name in query:
                    return getattr(self, f"put_{name}")
        if wanted == ("POST", False):
            return self.delete_many
        if wanted == ("POST", True):
            return self.begin if "uploads" in query else self.complete
        if "uploadId" in query and self.key:
            by_method = {"PUT": self.put_part, "GET": self.list_parts, "DELETE": self.abort}
            return by_method[self.command]
        by_method = {
            ("PUT", True): self.put_object, ("GET", True): self.get_object,
            ("HEAD", True): self.get_object, ("DELETE", True): self.delete_object,
        }
        if wanted not in by_method:
            raise Refused(405, "MethodNotAllowed")
        return by_method[wanted]

    # Objects

    def forbidden(self):
        """Whether an object stands that must not be replaced."""
        only_new = self.headers.get("x-oss-forbid-overwrite", "false").lower() == "true"
        if only_new and self.key in self.bucket.objects:
            raise Refused(409, "FileAlreadyExists")

    def keep(self, key, path, etag, size, kind):
        old = self.bucket.objects.get(key)
        self.bucket.objects[key] = {
            "path": path, "etag": etag, "size": size, "kind": kind, "at": time.time(),
        }
        # Whoever reads the old one has it open.
        if old:
            old["path"].unlink(missing_ok=True)

    def put_object(self):
        if "Content-Length" not in self.headers:
            raise Refused(411, "MissingContentLength")
        path = self.bucket.file()
        etag, size = self.save(path)
        with self.bucket.lock:
            try:
                self.forbidden()
            except Refused:
                path.unlink()
                raise
            kind = self.headers.get("Content-Type", "application/octet-stream")
            self.keep(self.key, path, etag, size, kind)
        self.answer(200, headers={"ETag": f'"{etag}"'})

    def get_object(self):
        with self.bucket.lock:
            found = self.bucket.objects.get(self.key)
            if found is None:
                raise Refused(404, "NoSuchKey")
            file = open(found["path"], "rb")
        with file:
            self.give(found, file)

    def give(self, found, file):
        size, etag = found["size"], f'"{found["etag"]}"'
        if self.headers.get("If-Match", etag) not in (etag, "*"):
            raise Refused(412, "PreconditionFailed")
        first, last, status = 0, size - 1, 200
        headers = {
            "ETag": etag, "Content-Type": found["kind"], "Accept-Ranges": "bytes",
            "Last-Modified": formatdate(found["at"], usegmt=True),
            "x-oss-object-type": "Normal",
        }
        if "Range" in self.headers:
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"])
            if asked and int(asked[1]) < size and int(asked[1]) <= int(asked[2] or last):
                first = int(asked[1])
                last = min(int(asked[2] or last), last)
                status = 206
                headers["Content-Range"] = f"bytes {first}-{last}/{size}"
            elif self.headers.get("x-oss-range-behavior") == "standard":
                raise Refused(416, "InvalidRange", {"Content-Range": f"bytes */{size}"})
            else:
                self.server.whole += 1
        length = last - first + 1
        self.answer(status, headers=headers, length=length)
        if self.command == "HEAD":
            return
        file.seek(first)
        while length:
            piece = file.read(min(length, 1 << 18))
            self.wfile.write(piece)
            length -= len(piece)

    def delete_object(self):
        found = self.bucket.objects.pop(self.key, None)
        if found:
            found["path"].unlink()
        self.answer(204)

    def delete_many(self):
        body = self.read()
        if "Content-MD5" not in self.headers:
            raise Refused(400, "MissingArgument")
        if base64.b64decode(self.headers["Content-MD5"]) != hashlib.md5(body).digest():
            raise Refused(400, "InvalidDigest")
        root = parse(body)
        keys = [child(it, "Key") for it in children(root, "Object")]
        if not 1 <= len(keys) <= 1000:
            raise Refused(400, "MalformedXML")
        for key in keys:
            found = self.bucket.objects.pop(key, None)
            if found:
                found["path"].unlink()
        if child(root, "Quiet") == "true":
            return self.answer(200)
        named = "".join(f"<Deleted><Key>{escape(it)}</Key></Deleted>" for it in keys)
        self.document("DeleteResult", named)

    def list_objects(self):
        if self.query.get("list-type") != "2":
            raise Refused(400, "InvalidArgument")
        most = int(self.query.get("max-keys", "100"))
        if not 1 <= most <= 1000:
            raise Refused(400, "InvalidArgument")
        prefix = self.query.get("prefix", "")
        after = base64.b64decode(self.query.get("continuation-token", "")).decode()
        keys = sorted(it for it in self.bucket.objects if it.startswith(prefix) and it > after)
        page, more = keys[:most], len(keys) > most
        inner = f"<Name>{self.bucket.name}</Name><IsTruncated>{str(more).lower()}</IsTruncated>"
        if more:
            token = base64.b64encode(page[-1].encode()).decode()
            inner += f"<NextContinuationToken>{token}</NextContinuationToken>"
        for key in page:
            found = self.bucket.objects[key]
            inner += (
                f"<Contents><Key>{escape(key)}</Key><LastModified>{stamp(found['at'])}"
                f'</LastModified><ETag>"{found["etag"]}"</ETag><Size>{found["size"]}</Size>'
                "<Type>Normal</Type></Contents>"
            )
        self.document("ListBucketResult", inner)

    # Multipart

    def begin(self):
        self.read()
        self.forbidden()
        upload = uuid.uuid4().hex.upper()
        kind = self.headers.get("Content-Type", "application/octet-stream")
        self.bucket.uploads[upload] = {
            "key": self.key, "kind": kind, "at": time.time(), "parts": {},
        }
        name = f"<Bucket>{self.bucket.name}</Bucket><Key>{escape(self.key)}</Key>"
        inner = f"{name}<UploadId>{upload}</UploadId>"
        self.document("InitiateMultipartUploadResult", inner)

    def upload(self):
        upload = self.bucket.uploads.get(self.query.get("uploadId"))
        if upload is None or upload["key"] != self.key:
            raise Refused(404, "NoSuchUpload")
        return upload

    def put_part(self):
        if "Content-Length" not in self.headers:
            raise Refused(411, "MissingContentLength")
        self.upload()
        number = int(self.query["partNumber"])
        if not 1 <= number <= 10000:
            raise Refused(400, "InvalidArgument")
        path = self.bucket.file()
        etag, size = self.save(path)
        with self.bucket.lock:
            parts = self.upload()["parts"]
            if number in parts:
                parts[number]["path"].unlink()
            parts[number] = {"path": path, "etag": etag, "size": size, "at": time.time()}
        self.answer(200, headers={"ETag": f'"{etag}"'})

    def list_parts(self):
        upload = self.upload()
        most = int(self.query.get("max-parts", "1000"))
        after = int(self.query.get("part-number-marker", "0"))
        numbers = sorted(it for it in upload["parts"] if it > after)
        page, more = numbers[:most], len(numbers) > most
        inner = f"<UploadId>{self.query['uploadId']}</UploadId>"
        inner += f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        if page:
            inner += f"<NextPartNumberMarker>{page[-1]}</NextPartNumberMarker>"
        for number in page:
            part = upload["parts"][number]
            inner += (
                f"<Part><PartNumber>{number}</PartNumber><LastModified>{stamp(part['at'])}"
                f'</LastModified><ETag>"{part["etag"]}"</ETag><Size>{part["size"]}</Size></Part>'
            )
        self.document("ListPartsResult", inner)

    def complete(self):
        body = self.read()
        upload = self.upload()
        self.forbidden()
        named = [
            (int(child(it, "PartNumber")), child(it, "ETag").strip('"'))
            for it in children(parse(body), "Part")
        ]
        numbers = [number for number, _ in named]
        if not named or numbers != sorted(set(numbers)):
            raise Refused(400, "InvalidPartOrder")
        held = upload["parts"]
        if any(number not in held or held[number]["etag"] != etag for number, etag in named):
            raise Refused(400, "InvalidPart")
        if any(held[number]["size"] < LEAST_PART for number in numbers[:-1]):
            raise Refused(400, "EntityTooSmall")
        path, digests, size = self.bucket.file(), b"", 0
        with open(path, "wb") as whole:
            for number, etag in named:
                digests += bytes.fromhex(etag)
                size += held[number]["size"]
                whole.write(held[number]["path"].read_bytes())
        etag = f"{hashlib.md5(digests).hexdigest().upper()}-{len(named)}"
        self.keep(self.key, path, etag, size, upload["kind"])
        self.drop(self.query["uploadId"])
        inner = f'<Key>{escape(self.key)}</Key><ETag>"{etag}"</ETag>'
        self.document("CompleteMultipartUploadResult", inner)

    def drop(self, upload):
        for part in self.bucket.uploads.pop(upload)["parts"].values():
            part["path"].unlink()

    def abort(self):
        self.upload()
        self.drop(self.query["uploadId"])
        self.answer(204)

    def get_uploads(self):
        prefix = self.query.get("prefix", "")
        most = int(self.query.get("max-uploads", "1000"))
        key, upload = self.query.get("key-marker", ""), self.query.get("upload-id-marker", "")
        after = (key, upload or "~")
        lines = sorted(
            (it["key"], name, it["at"]) for name, it in self.bucket.uploads.items()
            if it["key"].startswith(prefix) and (not key or (it["key"], name) > after)
        )
        page, more = lines[:most], len(lines) > most
        key, upload = page[-1][:2] if more else ("", "")
        inner = (
            f"<NextKeyMarker>{escape(key)}</NextKeyMarker>"
            f"<NextUploadIdMarker>{upload}</NextUploadIdMarker>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        )
        for key, upload, at in page:
            inner += (
                f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
                f"<Initiated>{stamp(at)}</Initiated></Upload>"
            )
        self.document("ListMultipartUploadsResult", inner)

    # Rules

    def get_cors(self):
        if self.bucket.cors is None:
            raise Refused(404, "NoSuchCORSConfiguration")
        self.answer(200, self.bucket.cors, {"Content-Type": "application/xml"})

    def put_cors(self):
        body = self.read()
        if not children(parse(body), "CORSRule"):
            raise Refused(400, "MalformedXML")
        self.bucket.cors = body
        self.answer(200)

    def get_lifecycle(self):
        if self.bucket.lifecycle is None:
            raise Refused(404, "NoSuchLifecycle")
        self.answer(200, self.bucket.lifecycle, {"Content-Type": "application/xml"})

    def put_lifecycle(self):
        body = self.read()
        rules = children(parse(body), "Rule")
        ends = [
            int(child(it, "Days")) for rule in rules
            for it in children(rule, "AbortMultipartUpload")
        ]
        if not rules or len(ends) != len(rules) or any(child(it, "Status") is None for it in rules):
            raise Refused(400, "MalformedXML")
        self.bucket.lifecycle = body
        self.answer(200)

    def rule_for(self, bucket, method, names):
        origin = self.headers.get("Origin", "")
        for rule in children(parse(bucket.cors), "CORSRule") if bucket and bucket.cors else []:
            said = {
                tag: [it.text or "" for it in children(rule, tag)]
                for tag in ("AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader")
            }
            headers = [it.lower() for it in said["AllowedHeader"]]
            if (
                (origin in said["AllowedOrigin"] or "*" in said["AllowedOrigin"])
                and method in said["AllowedMethod"]
                and ("*" in headers or all(name in headers for name in names))
            ):
                return {
                    "Access-Control-Allow-Origin": origin,
                    "Access-Control-Allow-Methods": ", ".join(said["AllowedMethod"]),
                    "Access-Control-Allow-Headers": ", ".join(names),
                    "Access-Control-Expose-Headers": ", ".join(said["ExposeHeader"]),
                    "Access-Control-Max-Age": child(rule, "MaxAgeSeconds") or "0",
                    "Vary": "Origin",
                }
        return None

    def preflight(self, bucket):
        method = self.headers.get("Access-Control-Request-Method", "")
        names = self.headers.get("Access-Control-Request-Headers", "").lower().split(",")
        rule = self.rule_for(bucket, method, [it.strip() for it in names if it.strip()])
        if rule is None:
            raise Refused(403, "AccessForbidden")
        self.answer(200, headers=rule)

    def cross_origin(self, bucket):
        if "Origin" in self.headers:
            self.added = self.rule_for(bucket, self.command, []) or {}

    # Forms

    def fields(self):
        """The fields of `multipart/form-data` and the file's bytes."""
        kind = self.headers.get("Content-Type", "")
        boundary = kind.partition("boundary=")[2].encode()
        if not kind.startswith("multipart/form-data") or not boundary:
            raise Refused(400, "MalformedPOSTRequest")
        fields, file = {}, None
        for part in (b"\r\n" + self.read()).split(b"\r\n--" + boundary)[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            name = re.search(rb'name="([^"]*)"', head)[1].decode()
            if name == "file":
                file = value
                break
            fields[name] = value.decode()
        if file is None:
            raise Refused(400, "MalformedPOSTRequest")
        return fields, file

    def form(self):
        fields, file = self.fields()
        bucket = self.bucket
        self.server.signers.check_form(fields, len(file), bucket.region, bucket.name)
        path = bucket.file()
        path.write_bytes(file)
        kind = fields.get("x-oss-content-type", "application/octet-stream")
        etag = hashlib.md5(file).hexdigest().upper()
        with bucket.lock:
            self.keep(fields["key"], path, etag, len(file), kind)
        if "callback" in fields:
            return self.tell_oss(fields, etag)
        self.answer(int(fields.get("success_action_status", 204)), headers={"ETag": f'"{etag}"'})

    # Reports of what a form brought

    def tell_oss(self, fields, etag):
        ask = json.loads(base64.b64decode(fields["callback"]))
        values = {"bucket": self.bucket.name, "object": fields["key"], "etag": etag}
        body = re.sub(r"\$\{(\w+)\}", lambda it: quote(values[it[1]], safe=""), ask["callbackBody"])
        signature = self.server.signers.sign_report(ask["callbackUrl"], body)
        headers = {
            "authorization": signature,
            "x-oss-pub-key-url": base64.b64encode(KEY_URL.encode()).decode(),
        }
        said = self.report(ask["callbackUrl"], body, ask["callbackBodyType"], headers)
        if said is None:
            text = b"<Error><Code>CallbackFailed</Code></Error>"
            return self.answer(203, text, {"Content-Type": "application/xml"})
        self.answer(200, said, {"Content-Type": "application/json", "ETag": f'"{etag}"'})

    def tell_kodo(self, policy, key, bucket):
        values = {"bucket": bucket, "key": key}
        body = re.sub(r"\$\((\w+)\)", lambda it: values[it[1]], policy["callbackBody"])
        url, kind = policy["callbackUrl"], policy["callbackBodyType"]
        headers = {"Authorization": self.server.signers.sign_kodo_report(url, body, kind)}
        said = self.report(url, body, kind, headers)
        if said is None:
            text = json.dumps({"error": "callback failed"}).encode()
            return self.answer(579, text, {"Content-Type": "application/json"})
        self.answer(200, said, {"Content-Type": "application/json"})

    def report(self, url, body, kind, headers):
        """What the site answers; nothing where it does not take the report. Kept for who asks."""
        asked = {**headers, "Content-Type": kind}
        self.server.reports.append({"url": url, "body": body, "headers": asked})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(url, data=body.encode(), method="POST", headers=asked)
        try:
            with opener.open(request, timeout=5) as answer:
                return answer.read()
        except OSError:
            return None

    def kodo_form(self):
        try:
            fields, file = self.fields()
            signers = self.server.signers
            token, key = fields.get("token"), fields.get("key")
            bucket, policy = signers.check_token(token, key, len(file))
            fresh = policy.get("insertOnly") == 1
            if bucket not in self.server.stores:
                raise Refused(631, "no such bucket")
            with self.server.lock:
                self.pass_on(f"{self.server.stores[bucket]}/{key}", file, fresh)
        except Refused as refused:
            text = json.dumps({"error": refused.code}).encode()
            return self.answer(refused.status, text, {"Content-Type": "application/json"})
        if "callbackUrl" in policy:
            return self.tell_kodo(policy, key, bucket)
        text = json.dumps({"key": key, "size": len(file)}).encode()
        self.answer(200, text, {"Content-Type": "application/json"})

    def pass_on(self, url, file, fresh):
        """Writes into the server that plays the rest of Kodo."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(urllib.request.Request(url, method="HEAD"), timeout=10).close()
            if fresh:
                raise Refused(614, "file exists")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
        kind = {"Content-Type": "application/octet-stream"}
        put = urllib.request.Request(url, data=file, method="PUT", headers=kind)
        opener.open(put, timeout=10).close()

    # Who we are: what a machine or a pod is lent

    def metadata(self, parts):
        self.read()
        if self.command == "PUT" and parts.path == "/latest/api/token":
            return self.answer(200, b"metadata-token")
        roles = "/latest/meta-data/ram/security-credentials/"
        if self.headers.get("X-aliyun-ecs-metadata-token") != "metadata-token":
            raise Refused(403, "Forbidden")
        if parts.path == roles:
            return self.answer(200, b"site-role")
        if parts.path == roles + "site-role":
            return self.answer(200, json.dumps({"Code": "Success", **self.lent()}).encode())
        raise Refused(404, "NotFound")

    def lend(self, parts):
        query = dict(parse_qsl(parts.query))
        if query.get("Action") != "AssumeRoleWithOIDC" or query.get("OIDCToken") != "pod-token":
            raise Refused(400, "AuthenticationFail.OIDCToken.Invalid")
        self.answer(200, json.dumps({"Credentials": self.lent()}).encode())

    def lent(self):
        ends = datetime.now(timezone.utc) + timedelta(hours=1)
        return {
            "AccessKeyId": LENT.key, "AccessKeySecret": LENT.secret, "SecurityToken": LENT.token,
            "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def control(self, parts):
        """For whoever runs the tests, asked directly: makes a bucket, or says what was seen."""
        self.read()
        query = dict(parse_qsl(parts.query))
        if self.command == "POST" and parts.path == "/bucket":
            name = query["name"]
            folder = self.server.folder / name
            self.server.buckets[name] = Bucket(name, query["region"], folder)
            self.server.domains[f"{name}.media.example"] = name
            return self.answer(204)
        if self.command == "POST" and parts.path == "/kodo":
            self.server.stores[query["name"]] = query["store"]
            return self.answer(204)
        if self.command == "GET" and parts.path == "/whole":
            return self.answer(200, str(self.server.whole).encode())
        if self.command == "POST" and parts.path == "/sign":
            # Anyone's bucket can have any words sent.
            signature = self.server.signers.sign_report(query["url"], query["body"])
            return self.answer(200, signature.encode())
        if self.command == "GET" and parts.path == "/reports":
            told = {"reports": self.server.reports, "keys_read": self.server.keys_read}
            return self.answer(200, json.dumps(told).encode())
        raise Refused(404, "NotFound")


def main():
    folder = Path(sys.argv[1])
    keys = [(folder / name).read_text().split("\n")[0] for name in ("access", "secret")]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.request_queue_size = 128
    server.server_bind()
    server.server_activate()
    server.daemon_threads = True
    server.folder, server.buckets, server.domains = folder / "data", {}, {}
    server.folder.mkdir()
    # Where Kodo's buckets are; ranges that were answered with the whole.
    server.stores, server.whole, server.lock = {}, 0, threading.Lock()
    # What the site was told, and how often it read the key to that.
    server.reports, server.keys_read = [], 0
    server.signers = Signers([Account(*keys), LENT], folder)
    fresh = folder / "port.new"
    fresh.write_text(str(server.server_port))
    fresh.rename(folder / "port")
    server.serve_forever()


main()
