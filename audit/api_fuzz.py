"""The API under schemathesis: by its own OpenAPI document, valid and invalid requests. No 5xx, no
undocumented status, no answer beside its schema, nothing wrong taken, nothing right refused."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def check(site, examples):
    """Prints what is wrong; whether nothing is. `examples`: requests made up for each operation."""
    for name in ("visitor", "leaver"):
        person = {"name": name, "password": "a password to audit with"}
        site.must("POST", "/api/v1/users", person)
    given = {
        "VIRGA_AUDIT": HERE,
        "VIRGA_URL": site.url,
        "VIRGA_TOKEN": site.token,
        "VIRGA_ADMIN": site.admin,
        "VIRGA_VIDEO": site.empty,
        "VIRGA_COMMENT": site.comment,
        "VIRGA_UPLOAD": site.half,
    }
    program = [Path(sys.executable).parent / "schemathesis", "--config-file"]
    program += [HERE / "schemathesis.toml", "run", f"{site.url}/api/v1/openapi.json"]
    program += ["--max-examples", str(examples), "--generation-database", "none"]
    program += ["--no-color", "--workers", "2", "--warnings", "off"]
    env = {**os.environ, **{name: str(value) for name, value in given.items()}}
    ended = subprocess.run(program, env=env, cwd=site.data, capture_output=True, text=True)
    said = ended.stdout.splitlines()
    if ended.returncode:
        print(ended.stdout, ended.stderr)
    else:
        print("  ", said[-1].strip("= ") if said else "")
    alive = site.ask("GET", "/livez")[0] == 200
    panics = [line for line in site.said().splitlines() if "ERROR" in line or "panicked" in line]
    print("\n".join(panics[:20]))
    return ended.returncode == 0 and alive and not panics
