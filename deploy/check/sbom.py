"""The software bills of materials that scripts/sbom.py has written, against CycloneDX's own schema.

Usage: sbom.py FOLDER
"""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from facts import RUNNING, Findings

# By image, something that is certainly in it: our own crates, a C library's wrapper, the page.
INSIDE = {
    "notification": ["kafka-common", "rdkafka-sys", "openssl-src", "react", "service-kit"],
    "strategy": ["strategy-engine", "rdkafka-sys"],
    "forward-test": ["paper-exchange", "sqlx"],
    "market-data": ["coinbase", "rustls"],
    "ops": ["ops", "clap"],
    "algotrade": ["backtest", "clap"],
}
# Certainly in none: for tests only, or of the developer's features.
OUTSIDE = ["test-support", "proptest", "algotrade-embedded", "vitest", "playwright"]


def check(path: Path, image: str, findings: Findings) -> None:
    text = path.read_text()
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    findings.require(wrong is None, f"{image}: {wrong}")
    document = json.loads(text)
    components = document["components"]
    names = {component["name"] for component in components}
    for name in INSIDE[image]:
        findings.require(name in names, f"{image}: without {name}")
    for name in OUTSIDE:
        findings.require(name not in names, f"{image}: with {name}")
    references = {component["bom-ref"] for component in components}
    references.add(document["metadata"]["component"]["bom-ref"])
    findings.require(len(references) == len(components) + 1, f"{image}: a reference comes twice")
    for relation in document["dependencies"]:
        unknown = {relation["ref"], *relation["dependsOn"]} - references
        findings.require(not unknown, f"{image}: depends on {unknown}, which is not in it")
    unlicensed = [each["name"] for each in components if "licenses" not in each]
    findings.require(not unlicensed, f"{image}: no licence of {unlicensed}")


def main() -> int:
    findings = Findings()
    folder = Path(sys.argv[1])
    for image in [*RUNNING, "algotrade"]:
        check(folder / f"{image}.cdx.json", image, findings)
    return findings.finish("software bills of materials")


if __name__ == "__main__":
    sys.exit(main())
