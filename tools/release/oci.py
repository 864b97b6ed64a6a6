"""OCI images and artifacts as archives of an image layout, which podman, skopeo, crane, containerd and Docker read."""

import json
import os
import re
import subprocess

from archives import compressed, digest, tar

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

# What follows a program's name in that of the folder with its libraries.
ROOT = ".root"
INTERPRETER = 3
MACHINES = {62: "amd64", 183: "arm64"}
MACHINES_HERE = {"x86_64": "amd64", "aarch64": "arm64"}

# Nobody, by number, so that Kubernetes can tell that it is not root.
USER = 65532
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


class Layout:
    """An image layout under way."""

    def __init__(self):
        self.blobs = {}

    def add(self, media_type, data, **more):
        """Stores a blob and returns its descriptor."""
        if not isinstance(data, bytes):
            data = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest(data)}", "size": len(data), **more}

    def archive(self, descriptor, name, epoch):
        """The archive with this as its only image, called so."""
        annotations = {"org.opencontainers.image.ref.name": name}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**descriptor, "annotations": annotations}]}
        files = {
            "oci-layout": (json.dumps({"imageLayoutVersion": "1.0.0"}).encode(), 0o644),
            "index.json": (json.dumps(index, sort_keys=True).encode(), 0o644),
            "blobs/": (None, 0o755),
            "blobs/sha256/": (None, 0o755),
        }
        for name_of_blob, data in self.blobs.items():
            files[f"blobs/sha256/{name_of_blob}"] = (data, 0o644)
        return tar(files, epoch)


def elf(binary):
    """The machine that a program is for, and whether a loader has to find libraries for it."""
    with open(binary, "rb") as file:
        head = file.read(64)
        if head[:6] != b"\x7fELF\x02\x01":
            raise SystemExit(f"{binary} is no program for Linux on 64 bits")
        machine = MACHINES.get(int.from_bytes(head[18:20], "little"))
        start, size, count = (int.from_bytes(head[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
        file.seek(start)
        segments = file.read(size * count)
    kinds = [int.from_bytes(segments[i * size : i * size + 4], "little") for i in range(count)]
    return machine, INTERPRETER in kinds


def folder(path):
    """The files below a folder, by their paths in it."""
    found = {}
    for at, _, names in os.walk(path):
        for name in names:
            file = os.path.join(at, name)
            with open(file, "rb") as data:
                found[os.path.relpath(file, path)] = (data.read(), 0o755)
    return found


def libraries(binary):
    """The shared libraries that a program needs, by the path at which it looks for them; none if it is static.

    Only the machine that a program is for can tell, so `tools/release/build programs` leaves them beside it there.
    """
    machine, is_dynamic = elf(binary)
    if not is_dynamic:
        return {}
    if os.path.isdir(binary + ROOT):
        return folder(binary + ROOT)
    if machine != MACHINES_HERE.get(os.uname().machine):
        raise SystemExit(f"{binary} is for {machine} and not static, and {binary}{ROOT} with its libraries is not there")
    told = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True)
    found = {}
    for line in told.stdout.splitlines():
        match = re.match(r"\s*(?:\S+ => )?(/\S+) \(0x", line)
        if match:
            path = match.group(1)
            with open(os.path.realpath(path), "rb") as file:
                found[path.lstrip("/")] = (file.read(), 0o755)
        elif "not found" in line:
            raise SystemExit(f"{binary} needs a library that is not here:{line}")
    return found


def root(binary, certificates):
    """The files of the image: the program, what it links to, and whom it trusts."""
    files = libraries(binary)
    for path, data in {
        "etc/passwd": f"nonroot:x:{USER}:{USER}::/:/sbin/nologin\n",
        "etc/group": f"nonroot:x:{USER}:\n",
        "etc/nsswitch.conf": "hosts: files dns\n",
    }.items():
        files[path] = (data.encode(), 0o644)
    for source, path, mode in ((certificates, CERTIFICATES, 0o644), (binary, "clb-operator", 0o755)):
        with open(source, "rb") as file:
            files[path] = (file.read(), mode)
    for path in list(files):
        while "/" in path:
            path = path.rsplit("/", 1)[0]
            files[path + "/"] = (None, 0o755)
    return files


def image(binaries, certificates, name, labels, created, epoch):
    """The archive of the operator's image for each of {platform: program}, and the digest to pin it by."""
    layout, manifests = Layout(), []
    for platform in sorted(binaries):
        system, machine = platform.split("/")
        plain = tar(root(binaries[platform], certificates), epoch)
        layer = layout.add(LAYER, compressed(plain))
        config = {
            "architecture": machine,
            "os": system,
            "created": created,
            "config": {
                "User": f"{USER}:{USER}",
                "Entrypoint": ["/clb-operator"],
                "Env": [f"SSL_CERT_FILE=/{CERTIFICATES}"],
                "ExposedPorts": {"8080/tcp": {}},
                "Labels": labels,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(plain)}"]},
            "history": [{"created": created, "created_by": "tools/release/pack"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": layout.add(CONFIG, config),
            "layers": [layer],
            "annotations": labels,
        }
        manifests.append(layout.add(MANIFEST, manifest, platform={"architecture": machine, "os": system}))
    index = layout.add(
        INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": labels}
    )
    return layout.archive(index, name, epoch), index["digest"]


def chart(package, metadata, name, labels, epoch):
    """The archive of a packaged chart as `helm pull oci://…` takes it, and its digest."""
    layout = Layout()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add(HELM_CONFIG, metadata),
        "layers": [layout.add(HELM_CHART, package)],
        "annotations": labels,
    }
    descriptor = layout.add(MANIFEST, manifest)
    return layout.archive(descriptor, name, epoch), descriptor["digest"]
