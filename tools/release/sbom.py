"""What the programs are made of, as SPDX 2.3 and as CycloneDX 1.5, both from `cargo metadata` and Cargo.lock."""

import json
import subprocess
import tomllib
import uuid
from urllib.parse import quote

TARGETS = {"linux/amd64": "x86_64-unknown-linux-gnu", "linux/arm64": "aarch64-unknown-linux-gnu"}


def components(root, package, platforms):
    """The crates that end up in the programs of a package, each with what it needs; the package itself is the first."""
    with open(f"{root}/Cargo.lock", "rb") as file:
        lock = tomllib.load(file)["package"]
    checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in lock}
    found = {}
    for platform in platforms:
        command = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={TARGETS[platform]}"]
        told = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout)
        packages = {entry["id"]: entry for entry in told["packages"]}
        nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
        start = next(i for i, entry in packages.items() if entry["name"] == package and not entry["source"])
        todo = [start]
        while todo:
            key = todo.pop()
            crate = packages[key]
            # What a crate is built with runs on the machine that builds; what it is tested with is in no program.
            needed = [
                dependency["pkg"]
                for dependency in nodes[key]["deps"]
                if any(kind["kind"] is None for kind in dependency["dep_kinds"])
            ]
            name, version = crate["name"], crate["version"]
            known = found.setdefault(
                (name, version),
                {
                    "name": name,
                    "version": version,
                    "license": crate["license"] or "NOASSERTION",
                    "repository": crate["repository"],
                    "description": crate["description"],
                    "registry": bool(crate["source"]),
                    "checksum": checksums.get((name, version)),
                    "needs": set(),
                },
            )
            first = not known.get("seen") == platform
            known["seen"] = platform
            known["needs"] |= {(packages[i]["name"], packages[i]["version"]) for i in needed}
            if first:
                todo += needed
    main = next(entry for (name, _), entry in found.items() if name == package)
    rest = [found[key] for key in sorted(found) if found[key] is not main]
    return [main, *rest]


def licence(text):
    """Older crates write a slash where SPDX has OR."""
    return text.replace("/", " OR ")


def url(component):
    return f"pkg:cargo/{quote(component['name'])}@{quote(component['version'])}"


def spdx(parts, created, namespace):
    """An SPDX 2.3 document."""

    def key(name, version):
        return f"SPDXRef-{name}-{version}".replace("_", "-").replace("+", "-")

    packages, relations = [], []
    for part in parts:
        this = key(part["name"], part["version"])
        package = {
            "SPDXID": this,
            "name": part["name"],
            "versionInfo": part["version"],
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "licenseConcluded": licence(part["license"]),
            "licenseDeclared": licence(part["license"]),
            "copyrightText": "NOASSERTION",
            "externalRefs": [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url(part)}
            ],
        }
        if part["registry"]:
            package["downloadLocation"] = f"https://crates.io/api/v1/crates/{part['name']}/{part['version']}/download"
        if part["checksum"]:
            package["checksums"] = [{"algorithm": "SHA256", "checksumValue": part["checksum"]}]
        packages.append(package)
        for need in sorted(part["needs"]):
            relations.append(
                {"spdxElementId": this, "relationshipType": "DEPENDS_ON", "relatedSpdxElement": key(*need)}
            )
    main = packages[0]["SPDXID"]
    described = {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": main}
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{parts[0]['name']}-{parts[0]['version']}",
        "documentNamespace": namespace,
        "creationInfo": {"created": created, "creators": ["Tool: classic-lb-operator-tools-release"]},
        "packages": packages,
        "relationships": [described, *relations],
    }


def cyclonedx(parts, created, namespace):
    """A CycloneDX 1.5 document."""

    def component(part, kind):
        told = {
            "type": kind,
            "bom-ref": url(part),
            "name": part["name"],
            "version": part["version"],
            "purl": url(part),
            "licenses": [{"expression": licence(part["license"])}],
        }
        if part["description"]:
            told["description"] = " ".join(part["description"].split())
        if part["checksum"]:
            told["hashes"] = [{"alg": "SHA-256", "content": part["checksum"]}]
        if part["repository"]:
            told["externalReferences"] = [{"type": "vcs", "url": part["repository"]}]
        return told

    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, namespace)}",
        "version": 1,
        "metadata": {"timestamp": created, "component": component(parts[0], "application")},
        "components": [component(part, "library") for part in parts[1:]],
        "dependencies": [
            {"ref": url(part), "dependsOn": [url({"name": n, "version": v}) for n, v in sorted(part["needs"])]}
            for part in parts
        ],
    }
