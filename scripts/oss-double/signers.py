"""Whether a request, address, form or token is signed as the vendors' own code signs it.

Nothing here computes a signature by itself: it hands what came in to the signer of Aliyun's or
Qiniu's SDK and compares. What it refuses it raises as `Refused(status, code)`.
"""
import base64
import hmac
import json
import subprocess
import sys
import time
import types
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import unquote, urlsplit

LIB = Path(__file__).resolve().parents[2] / "target/tools/oss-double/lib"
sys.path.insert(0, str(LIB))
# Only the signer of the package: the package itself would want a compiled module for checksums.
_package = types.ModuleType("alibabacloud_oss_v2")
_package.__path__ = [str(LIB / "alibabacloud_oss_v2")]
sys.modules["alibabacloud_oss_v2"] = _package
_package = types.ModuleType("qiniu")
_package.__path__ = [str(LIB / "qiniu")]
sys.modules["qiniu"] = _package

from alibabacloud_oss_v2.signer.v4 import SignerV4  # noqa: E402
from alibabacloud_oss_v2.types import Credentials, HttpRequest, SigningContext  # noqa: E402
from qiniu.auth import Auth  # noqa: E402

VERSION = "OSS4-HMAC-SHA256"
SKEW = timedelta(minutes=15)


class Refused(Exception):
    """An answer that is an error, as the service words it."""

    def __init__(self, status, code, headers=None):
        super().__init__(code)
        self.status, self.code, self.headers = status, code, headers or {}


class Account:
    """A pair of keys; `token` where it was lent for a while."""

    def __init__(self, key, secret, token=None):
        self.key, self.secret, self.token = key, secret, token


def _moment(text):
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    except (TypeError, ValueError):
        raise Refused(403, "AccessDenied") from None


class Signers:
    def __init__(self, accounts, folder):
        self.accounts = {account.key: account for account in accounts}
        # In place of Aliyun's own, which signs what OSS tells a site.
        self.report_pair = folder / "report.pem"
        self._openssl("genrsa", "-out", str(self.report_pair), "2048")

    @staticmethod
    def _openssl(*words, text=b""):
        return subprocess.run(
            ["openssl", *words], input=text, check=True, capture_output=True
        ).stdout

    def report_key(self):
        return self._openssl("rsa", "-in", str(self.report_pair), "-pubout")

    def sign_report(self, url, body):
        """As Aliyun documents: RSA over the MD5 of path, query and body."""
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        text = f"{unquote(parts.path)}{query}\n{body}".encode()
        signed = self._openssl("dgst", "-md5", "-sign", str(self.report_pair), text=text)
        return base64.b64encode(signed).decode()

    def sign_kodo_report(self, url, body, kind):
        """By Qiniu's own code."""
        account = next(iter(self.accounts.values()))
        return f"QBox {Auth(account.key, account.secret).token_of_request(url, body, kind)}"

    def _account(self, credential, day, region, token):
        """Whose key it is; the scope must be of that day, of the bucket's region, of OSS."""
        key, _, scope = credential.partition("/")
        account = self.accounts.get(key)
        if account is None:
            raise Refused(403, "InvalidAccessKeyId")
        if scope.split("/") != [day, region, "oss", "aliyun_v4_request"]:
            raise Refused(403, "SignatureDoesNotMatch")
        if account.token != token:
            raise Refused(403, "InvalidSecurityToken")
        return account

    def _context(self, account, region, bucket, key, method, url, headers, additional):
        context = SigningContext(
            product="oss", region=region, bucket=bucket, key=key or None,
            request=HttpRequest(method, url, headers=dict(headers)),
            credentials=Credentials(account.key, account.secret, account.token),
            additional_headers=set(additional),
        )
        return context

    def check_request(self, method, url, headers, query, region, bucket, key):
        """A request of headers or of an address; `headers` by small names."""
        if "authorization" in headers:
            return self._check_headers(method, url, headers, region, bucket, key)
        if query.get("x-oss-signature-version") == VERSION:
            return self._check_query(method, url, headers, query, region, bucket, key)
        raise Refused(403, "AccessDenied")

    def _check_headers(self, method, url, headers, region, bucket, key):
        scheme, _, rest = headers["authorization"].partition(" ")
        fields = dict(
            part.strip().partition("=")[::2] for part in rest.split(",") if "=" in part
        )
        if scheme != VERSION or headers.get("x-oss-content-sha256") != "UNSIGNED-PAYLOAD":
            raise Refused(400, "InvalidArgument")
        at = _moment(headers.get("x-oss-date"))
        if abs(datetime.now(timezone.utc) - at) > SKEW:
            raise Refused(403, "RequestTimeTooSkewed")
        account = self._account(
            fields.get("Credential", ""), headers["x-oss-date"][:8], region,
            headers.get("x-oss-security-token"),
        )
        additional = [it for it in fields.get("AdditionalHeaders", "").split(";") if it]
        sent = {name: value for name, value in headers.items() if name != "authorization"}
        context = self._context(account, region, bucket, key, method, url, sent, additional)
        context.signing_time = at
        SignerV4().sign(context)
        right = context.request.headers["Authorization"].rpartition("Signature=")[2]
        if not hmac.compare_digest(right, fields.get("Signature", "")):
            raise Refused(403, "SignatureDoesNotMatch")

    def _check_query(self, method, url, headers, query, region, bucket, key):
        at = _moment(query.get("x-oss-date"))
        lasts = query.get("x-oss-expires", "")
        if not lasts.isdigit() or not 1 <= int(lasts) <= 604800:
            raise Refused(400, "AuthorizationQueryParametersError")
        now = datetime.now(timezone.utc)
        if at > now + SKEW or at + timedelta(seconds=int(lasts)) < now:
            raise Refused(403, "AccessDenied")
        account = self._account(
            query.get("x-oss-credential", ""), query["x-oss-date"][:8], region,
            query.get("x-oss-security-token"),
        )
        additional = [it for it in query.get("x-oss-additional-headers", "").split(";") if it]
        path, _, pairs = url.partition("?")
        kept = [it for it in pairs.split("&") if not it.startswith("x-oss-signature=")]
        url = f"{path}?{'&'.join(kept)}"
        context = self._context(account, region, bucket, key, method, url, headers, additional)
        context.auth_method_query = True
        context.signing_time = at
        context.expiration_time = at + timedelta(seconds=int(lasts))
        SignerV4().sign(context)
        right = context.request.url.rpartition("x-oss-signature=")[2]
        if not hmac.compare_digest(unquote(right), query.get("x-oss-signature", "")):
            raise Refused(403, "SignatureDoesNotMatch")

    def check_form(self, fields, size, region, bucket):
        """A form of OSS: the policy's signature, and that the form keeps to the policy."""
        if fields.get("x-oss-signature-version") != VERSION or "policy" not in fields:
            raise Refused(403, "AccessDenied")
        moment = fields.get("x-oss-date", "")
        _moment(moment)
        account = self._account(
            fields.get("x-oss-credential", ""), moment[:8], region,
            fields.get("x-oss-security-token"),
        )
        right = SignerV4()._calc_signature(
            account.secret, moment[:8], region, "oss", fields["policy"]
        )
        if not hmac.compare_digest(right, fields.get("x-oss-signature", "")):
            raise Refused(403, "SignatureDoesNotMatch")
        policy = json.loads(base64.b64decode(fields["policy"]))
        ends = datetime.strptime(policy["expiration"], "%Y-%m-%dT%H:%M:%SZ")
        if ends.replace(tzinfo=timezone.utc) < datetime.now(timezone.utc):
            raise Refused(403, "AccessDenied")
        for condition in policy["conditions"]:
            if isinstance(condition, dict):
                (name, value), = condition.items()
                have = bucket if name == "bucket" else fields.get(name)
                if have != value:
                    raise Refused(403, "AccessDenied")
            elif condition[0] == "content-length-range":
                if size < condition[1]:
                    raise Refused(400, "EntityTooSmall")
                if size > condition[2]:
                    raise Refused(400, "EntityTooLarge")
            elif condition[0] == "eq":
                if fields.get(condition[1].lstrip("$")) != condition[2]:
                    raise Refused(403, "AccessDenied")
            else:
                raise Refused(400, "InvalidPolicyDocument")

    def check_token(self, token, key, size):
        """A form of Kodo: the token's signature by Qiniu's own code, and what its policy binds; the
        bucket and the policy."""
        try:
            name, _, policy = Auth.up_token_decode(token)
            text = base64.urlsafe_b64decode(token.split(":")[2]).decode()
        except (AttributeError, IndexError, TypeError, ValueError):
            raise Refused(401, "bad token") from None
        account = self.accounts.get(name)
        if account is None or Auth(name, account.secret).token_with_data(text) != token:
            raise Refused(401, "bad token")
        if policy["deadline"] < time.time():
            raise Refused(401, "expired token")
        bucket, _, scope = policy["scope"].partition(":")
        if scope != key:
            raise Refused(403, "key doesn't match with scope")
        if not policy.get("fsizeMin", 0) <= size <= policy.get("fsizeLimit", 1 << 62):
            raise Refused(413, "request entity size is out of bounds")
        return bucket, policy
