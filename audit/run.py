"""`run.py quick|full`: the audit's parts in turn; ends with 1 where one of them found something."""

import sys
import time

import api_fuzz
import http_lint
import sbom
import slow
from audited import Site


def main(form):
    full = form == "full"
    failed = []

    def part(name, run):
        print(f"== audit: {name}", flush=True)
        started = time.monotonic()
        if not run():
            failed.append(name)
        print(f"   {time.monotonic() - started:.0f} s", flush=True)

    if full:
        part("SBOM", sbom.write)
    with Site() as site:
        part("HTTP (redbot)", lambda: http_lint.check(site))
        if full:
            part("slow peers (slowhttptest)", lambda: slow.check(site))
        part("API (schemathesis)", lambda: api_fuzz.check(site, 100 if full else 5))
    if failed:
        print(f"== audit failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else "full"))
