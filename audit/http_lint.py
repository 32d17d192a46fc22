"""Every kind of address under REDbot (which also asks again: conditionally, for ranges, without
compression). A note of level "bad" or "warning" fails, unless `exclusions.toml` gives its reason."""

import tomllib
from configparser import ConfigParser
from pathlib import Path

import thor
from httplint.note import levels
from redbot.resource import HttpResource



# Seconds for all of it.
PATIENCE = 60


def addresses(site):
    """One address of each kind of route: (what it is, path, whether signed in)."""
    playback = site.must("GET", f"/api/v1/videos/{site.film}/playback")
    granted = site.must("GET", f"/api/v1/videos/{site.hidden}/playback", token=site.token)
    base = playback["hls"].rsplit("/", 1)[0]
    multivariant = site.must("GET", playback["hls"]).decode()
    playlist = next(it for it in multivariant.splitlines() if it.endswith(".m3u8"))
    track = f"{base}/{playlist.rsplit('/', 1)[0]}"
    page = site.must("GET", "/").decode()
    assets = sorted({it for it in page.replace("'", '"').split('"') if it.startswith("/assets/")})
    kinds = {it.split("#")[0].rsplit(".", 1)[-1]: it.split("#")[0] for it in assets}
    api, film = "/api/v1", site.film
    return [
        ("home", "/", False),
        ("search", "/?q=film", False),
        ("watch page", f"/v/{film}", False),
        ("person", f"/u/{site.name}", False),
        ("sign-in page", "/sign-in", False),
        ("embedded player", f"/embed/{film}", False),
        ("own videos", "/my/videos", True),
        ("edit page", f"/v/{film}/edit", True),
        ("page that is not there", "/nowhere", False),
        ("oEmbed", f"/oembed?url={site.url}/v/{film}", False),
        ("feed", f"/u/{site.name}/feed.xml", False),
        ("sitemap", "/sitemap.xml", False),
        ("robots", "/robots.txt", False),
        ("favicon", "/favicon.ico", False),
        *((f"asset .{kind}", path, False) for kind, path in kinds.items()),
        ("asset that is not there", "/assets/nothing.js", False),
        ("API: site", f"{api}/site", False),
        ("API: list", f"{api}/videos", False),
        ("API: video", f"{api}/videos/{film}", False),
        ("API: comments", f"{api}/videos/{film}/comments", False),
        ("API: playback", f"{api}/videos/{film}/playback", False),
        ("API: account", f"{api}/users/me", True),
        ("API: source", f"{api}/videos/{film}/source", True),
        ("API: refused", f"{api}/users/me", False),
        ("API: not there", f"{api}/videos/AAAAAAAAAAA", False),
        ("API: document", f"{api}/openapi.json", False),
        ("API: reference", f"{api}/reference", False),
        ("multivariant playlist", playback["hls"], False),
        ("media playlist", f"{base}/{playlist}", False),
        ("init section", f"{track}/init.mp4", False),
        ("segment", f"{track}/0.m4s", False),
        ("poster", playback["poster"], False),
        ("fallback", playback["fallback"], False),
        ("playlist by grant", granted["hls"], False),
        ("media that are not there", "/media/AAAAAAAAAAA/main.m3u8", False),
        ("liveness", "/livez", False),
        ("readiness", "/readyz", False),
        ("measures", "/metrics", False),
    ]


def notes_of(requests):
    """What REDbot notes of each (address, headers): lists of (level, name, sentence), those of the
    asked-again forms included. All in one run: its event loop does not start twice."""
    config = ConfigParser()
    config.read_dict({"redbot": {"enable_local_access": "True"}})
    resources = []
    for url, headers in requests:
        resource = HttpResource(config["redbot"])
        resource.set_request(url, headers=headers)
        resources.append(resource)
    waiting = set(resources)

    def ended(resource):
        waiting.discard(resource)
        if not waiting:
            thor.stop()

    for resource in resources:
        resource.on("check_done", lambda it=resource: ended(it))
    thor.schedule(0, lambda: [resource.check() for resource in resources])
    thor.schedule(PATIENCE, thor.stop)
    thor.run()
    return [[("bad", "NO_ANSWER", "")] if it in waiting else notes_on(it) for it in resources]


def notes_on(resource):
    if resource.fetch_error is not None:
        return [("bad", "FETCH_ERROR", str(resource.fetch_error.desc))]
    found = []
    for fetched in [resource, *resource.subreqs.values()]:
        for note in fetched.response.notes:
            for it in [note, *note.subnotes]:
                if it.level in (levels.BAD, levels.WARN):
                    found.append((it.level.value, type(it).__name__, str(it.summary)))
    return list(dict.fromkeys(found))


def check(site):
    """Prints what is wrong; whether nothing is."""
    known = tomllib.loads((Path(__file__).parent / "exclusions.toml").read_text())["redbot"]
    used, wrong, asked = set(), 0, addresses(site)
    bearer = [("Authorization", f"Bearer {site.token}")]
    noted = notes_of([(site.url + path, bearer if own else []) for _, path, own in asked])
    for (what, path, _), notes in zip(asked, noted):
        for level, name, sentence in notes:
            reasons = [it for it in known if it["note"] == name and what in it.get("at", [what])]
            if reasons:
                used.update(it["note"] for it in reasons)
                continue
            wrong += 1
            print(f"   {what} ({path}): {level} {name}: {sentence}")
    for unused in {it["note"] for it in known} - used:
        wrong += 1
        print(f"   exclusions.toml: {unused} was not met: take it out")
    print(f"   {len(asked)} addresses, {wrong} findings")
    return wrong == 0


