"""The site under Debian's slowhttptest: heads, bodies and readers that never end. Others go on."""

import subprocess
import threading
import time

CONNECTIONS, SECONDS, PROMPT = 400, 25, 2.0


def attacks(site):
    """slowhttptest's arguments for each kind of attack."""
    source = f"{site.url}/media/{site.film}/fallback.mp4"
    return {
        "slow heads": ["-H", "-u", f"{site.url}/"],
        "slow bodies": ["-B", "-s", "8192", "-t", "POST", "-u", f"{site.url}/api/v1/sessions"],
        "slow readers": ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-u", source],
    }


def check(site):
    """Prints the slowest answer that another visitor had under each attack; whether all were prompt."""
    fine = True
    for name, arguments in attacks(site).items():
        program = ["slowhttptest", "-c", str(CONNECTIONS), "-r", "100", "-i", "5"]
        program += ["-l", str(SECONDS), "-p", "60", *arguments]
        with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as attack:
            answers, slowest = 0, 0.0
            deadline = time.monotonic() + SECONDS + 60
            while attack.poll() is None and time.monotonic() < deadline:
                for path in ("/livez", "/", f"/v/{site.film}", "/api/v1/videos"):
                    started = time.monotonic()
                    status = site.ask("GET", path)[0]
                    slowest = max(slowest, time.monotonic() - started)
                    answers += 1
                    if status != 200:
                        fine = False
                        print(f"   {name}: {path} answered {status}")
                threading.Event().wait(0.2)
            if attack.poll() is None:
                attack.terminate()
        good = answers > 10 and slowest < PROMPT
        fine &= good
        print(f"   {name}: {answers} others answered, the slowest in {slowest:.2f} s")
    return fine
