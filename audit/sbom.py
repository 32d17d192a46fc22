"""What is built into the program, as CycloneDX 1.6: `target/audit/virga.cdx.json`, from cargo's own
metadata for Linux, without what only tests use."""

import json
import subprocess

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.factory.license import LicenseFactory
from packageurl import PackageURL

from audited import ROOT

TARGET = "x86_64-unknown-linux-gnu"


def component(package, kind=ComponentType.LIBRARY):
    licence = (package["license"] or "").replace("/", " OR ")
    return Component(
        type=kind,
        name=package["name"],
        version=package["version"],
        bom_ref=package["id"],
        purl=PackageURL("cargo", None, package["name"], package["version"]),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
    )


def write():
    """Writes it; how many components it names."""
    program = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    tree = json.loads(subprocess.run(program, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    packages = {it["id"]: it for it in tree["packages"]}
    nodes = {it["id"]: it for it in tree["resolve"]["nodes"]}
    main = next(key for key, it in packages.items() if it["name"] == "virga" and not it["source"])
    components, edges, open_ids = {main: component(packages[main], ComponentType.APPLICATION)}, {}, [main]
    while open_ids:
        here = open_ids.pop()
        edges[here] = []
        for needed in nodes[here]["deps"]:
            if all(it["kind"] == "dev" for it in needed["dep_kinds"]):
                continue
            edges[here].append(needed["pkg"])
            if needed["pkg"] not in components:
                components[needed["pkg"]] = component(packages[needed["pkg"]])
                open_ids.append(needed["pkg"])
    bom = Bom(components=[it for key, it in components.items() if key != main])
    bom.metadata.component = components[main]
    for here, needed in edges.items():
        bom.register_dependency(components[here], [components[it] for it in needed])
    path = ROOT / "target/audit/virga.cdx.json"
    JsonV1Dot6(bom).output_to_file(str(path), allow_overwrite=True, indent=1)
    print(f"   {path.relative_to(ROOT)}: {len(components)} components")
    return len(components) > 50
