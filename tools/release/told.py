"""What a packed chart says of itself: where its pages are, what changed, and what it is made with."""

import base64
import os
import re

from archives import digest

SITE = "https://classiclb.dev"
KINDS = {"added", "changed", "deprecated", "removed", "fixed", "security"}


def place(url, source, tag, root):
    """Where a page of the site is in the repository, at the tag of this release."""
    path, _, part = url.removeprefix(SITE).partition("#")
    path = path.strip("/")
    if path == "source":
        return source
    if path == "docs/changes.html":
        path = "CHANGELOG.md"
    elif path == "icon.svg":
        path = "docs/icon.svg"
    elif path.endswith(".html"):
        path = path.removesuffix(".html") + ".md"
    file = os.path.join(root, path)
    if not os.path.exists(file):
        raise SystemExit(f"{url}: there is no {path} in the repository")
    if os.path.isdir(file):
        # A page of its own opens with its folder, but for a part of it.
        if part:
            return f"{source}/blob/v{tag}/{path}/README.md#{part}"
        return f"{source}/tree/v{tag}/{path}/" if path else f"{source}/tree/v{tag}"
    way = "blob" if path.endswith(".md") else "raw"
    return f"{source}/{way}/v{tag}/{path}{'#' + part if part else ''}"


def located(text, source, tag, root):
    """A text that names the repository in place of the site."""
    url = re.compile(rf"{re.escape(SITE)}(?:/[A-Za-z0-9_./#-]*)?")
    return url.sub(lambda found: place(found.group(), source, tag, root), text)


def section(changelog, tag):
    """What the changelog says of a version, or of what is unreleased where it does not name it yet."""
    sections = {}
    for part in re.split(r"^## ", changelog, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        sections[title.split()[0].strip("[]")] = body
    return sections.get(tag) or sections.get("Unreleased") or ""


def plain(item):
    """The first sentence of an item, without marks."""
    text = " ".join(item.split())
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = text.replace("**", "").replace("`", "")
    return re.split(r"\. (?=[A-Z])", text)[0].rstrip(".")


def changes(changelog, tag, component):
    """[(kind, description)] of a component of the chart, and whether anything was done for security."""
    body = section(changelog, tag)
    found, secure = [], False
    for part in re.split(r"^### ", body, flags=re.M)[1:]:
        title, _, inner = part.partition("\n")
        for kinds in re.split(r"^#### ", inner, flags=re.M)[1:]:
            kind, _, items = kinds.partition("\n")
            kind = kind.strip().lower()
            if kind not in KINDS:
                raise SystemExit(f"CHANGELOG.md: {kind!r} is none of {', '.join(sorted(KINDS))}")
            secure = secure or kind == "security"
            if title.strip() == component:
                found += [(kind, plain(item)) for item in re.split(r"^- ", items, flags=re.M)[1:]]
    if not found:
        raise SystemExit(f"CHANGELOG.md says nothing of {component} under {tag} or Unreleased")
    return found, secure


def fingerprint(public):
    """Of a public key in a PEM file, as `openssl pkey -pubin -outform DER | sha256sum` has it."""
    with open(public, "rb") as file:
        lines = file.read().decode().splitlines()
    return digest(base64.b64decode("".join(line for line in lines if not line.startswith("-"))))


def quoted(text):
    """A scalar of YAML in which nothing is a mark."""
    return "'" + text.replace("'", "''") + "'"


def exchanged(chart, name, value):
    """The annotation of a Chart.yaml in place of what stood there; at the end where there was none."""
    text = f"  artifacthub.io/{name}: {value}\n"
    pattern = re.compile(rf"^  artifacthub\.io/{name}: .*\n(?:    .*\n)*", re.M)
    if pattern.search(chart):
        return pattern.sub(lambda _: text, chart, count=1)
    return chart.rstrip("\n") + "\n" + text


def chart(text, tag, changelog, image, key):
    """Chart.yaml with what is known of this release alone: changes, the image by its digest, and the key."""
    found, secure = changes(changelog, tag, "Chart and manifests")
    listed = "".join(f"\n    - kind: {kind}\n      description: {quoted(what)}" for kind, what in found)
    text = exchanged(text, "changes", f"|{listed}")
    text = exchanged(text, "containsSecurityUpdates", '"true"' if secure else '"false"')
    # Before 1.0.0 each version is one, and so is what semantic versioning calls so.
    text = exchanged(text, "prerelease", '"true"' if tag.startswith("0.") or "-" in tag else '"false"')
    text = re.sub(r"(      image: )\S+", rf"\g<1>{image}", text, count=1)
    if key:
        public, url = key
        text = exchanged(text, "signKey", f"|\n    fingerprint: {fingerprint(public)}\n    url: {url}")
    return text
