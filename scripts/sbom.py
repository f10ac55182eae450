#!/usr/bin/env python3
"""Writes a software bill of materials for each image: CycloneDX 1.6, from the two lock files.

Usage: sbom.py FOLDER; writes FOLDER/market-data.cdx.json and so on. The same lock files give the same
documents. What is compiled in is `required`; what only helps to compile is `excluded`, but for OpenSSL's
sources, which such a package brings along and which end up in the binary.
"""

import base64
import json
import re
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Images, and the package whose binary is in each. Their features are those of the Dockerfile: none.
IMAGES = {"market-data": "market-data", "strategy": "strategy", "forward-test": "forward-test",
          "notification": "notification", "ops": "algotrade", "algotrade": "algotrade"}
PLATFORM = "x86_64-unknown-linux-gnu"
WEB = ROOT / "services/notification/web/package-lock.json"
# Build dependencies whose content is linked.
LINKED = {"openssl-src"}
NAMESPACE = uuid.UUID("6f0a5b1c-2f5e-5c0e-9a59-6a3a4f0f9d11")


def cargo(package: str) -> tuple[dict, list[dict], list[dict]]:
    """The package, the components that its binary is made of, and what depends on what."""
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked", "--no-default-features",
         "--filter-platform", PLATFORM],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    packages = {each["id"]: each for each in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    own = set(metadata["workspace_members"])
    [root] = [each for each in own if packages[each]["name"] == package]
    scopes = {root: "required"}
    open_ids = [root]
    while open_ids:
        here = open_ids.pop()
        for dependency in nodes[here]["deps"]:
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            there = dependency["pkg"]
            linked = None in kinds or packages[there]["name"] in LINKED
            if not linked and "build" not in kinds:
                continue  # for tests
            scope = "required" if linked and scopes[here] == "required" else "excluded"
            if scopes.get(there) in (None, "excluded") and scopes.get(there) != scope:
                scopes[there] = scope
                open_ids.append(there)
    components = [crate(packages[each], scopes[each], each in own)
                  for each in scopes if each != root]
    relations = [{"ref": reference(packages[each]),
                  "dependsOn": sorted({reference(packages[dependency["pkg"]])
                                       for dependency in nodes[each]["deps"]
                                       if dependency["pkg"] in scopes})}
                 for each in scopes]
    return packages[root], components, relations


def reference(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def crate(package: dict, scope: str, is_own: bool) -> dict:
    component = {
        "type": "library", "bom-ref": reference(package), "name": package["name"],
        "version": package["version"], "scope": scope,
    }
    if not is_own:
        component["purl"] = purl(package)
    if package["license"]:
        # An old way to write OR.
        component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if package["repository"]:
        component["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return component


def purl(package: dict) -> str:
    name = reference(package)
    if found := re.match(r"git\+([^?#]+)[^#]*#(\w+)", package["source"] or ""):
        return f"{name}?vcs_url=git%2B{found.group(1)}%40{found.group(2)}"
    return name


def web() -> list[dict]:
    """What the dashboard is built from; its development tools are left out."""
    locked = json.loads(WEB.read_text())["packages"]
    components = []
    for path, package in sorted(locked.items()):
        if not path or package.get("dev") or package.get("devOptional"):
            continue
        name = package.get("name") or path.rpartition("node_modules/")[2]
        quoted = name.replace("@", "%40")
        component = {
            "type": "library", "name": name, "version": package["version"], "scope": "required",
            "bom-ref": f"pkg:npm/{quoted}@{package['version']}#{path}",
            "purl": f"pkg:npm/{quoted}@{package['version']}",
        }
        if "license" in package:
            component["licenses"] = [{"expression": package["license"]}]
        if found := re.fullmatch(r"sha512-(.+)", package.get("integrity", "")):
            content = base64.b64decode(found.group(1)).hex()
            component["hashes"] = [{"alg": "SHA-512", "content": content}]
        components.append(component)
    return components


def document(image: str) -> dict:
    package, components, relations = cargo(IMAGES[image])
    root = {"type": "application", "bom-ref": reference(package), "name": image,
            "version": package["version"], "licenses": [{"expression": package["license"]}]}
    if image == "notification":
        page = web()
        components += page
        mine = next(each for each in relations if each["ref"] == root["bom-ref"])
        mine["dependsOn"] += [each["bom-ref"] for each in page]
    components.sort(key=lambda component: component["bom-ref"])
    relations.sort(key=lambda relation: relation["ref"])
    content = json.dumps([root, components, relations], sort_keys=True)
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, content)}",
        "metadata": {"component": root},
        "components": components, "dependencies": relations,
    }


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for image in IMAGES:
        made = document(image)
        text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{image}.cdx.json").write_text(text)
        required = sum(each["scope"] == "required" for each in made["components"])
        print(f"{image}: {required} components in it, "
              f"{len(made['components']) - required} to build it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
