"""
Images that nobody has to pull: a busybox and its applets, 2 MB, as an archive for POST /images/load.

Its bytes, and so its id, follow from what it is made of alone: the same in every run.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.servers.processes import find

BOX = "trued-test/box"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# As https://github.com/moby/docker-image-spec names them; times in nanoseconds.
HEALTHCHECK = {
    "Test": ["CMD", "/bin/wget", "-q", "-O", "-", "http://127.0.0.1/mark"],
    "Interval": 300_000_000,
    "Timeout": 1_000_000_000,
    "Retries": 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """
    One image. `mark` is in its file /mark and in its label trued.test.mark: another mark, another image.

    It is stopped by SIGKILL: a PID 1 does not hear SIGTERM unless it wants to, and ten seconds are long. `config` are further keys of its configuration, as `docker inspect` shows them below Config.
    """

    name: str = f"{BOX}:1"
    mark: str = "1"
    config: Mapping[str, Any] = field(default_factory=dict)


STOCK = (
    Image(),
    Image(name=f"{BOX}:2", mark="2"),
    Image(name=f"{BOX}:well", mark="well", config={"Healthcheck": HEALTHCHECK}),
    Image(name=f"{BOX}:ill", mark="ill", config={"Healthcheck": {**HEALTHCHECK, "Test": ["CMD", "/bin/false"]}}),
)  # fmt: skip


def archive(*images: Image) -> bytes:
    """Return the images as `docker save` would write them."""
    files, manifest = {"box.tar": base()}, []
    for number, image in enumerate(images):
        files[f"{number}.tar"] = mark = _tar({"mark": image.mark.encode()})
        files[f"{number}.json"] = _json(_configuration(image, [_digest(base()), _digest(mark)]))
        layers = ["box.tar", f"{number}.tar"]
        manifest.append({"Config": f"{number}.json", "RepoTags": [image.name], "Layers": layers})
    return _tar({**files, "manifest.json": _json(manifest)})


def identity(image: Image) -> str:
    """Return its id, which is the digest of its configuration."""
    layers = [_digest(base()), _digest(_tar({"mark": image.mark.encode()}))]
    return _digest(_json(_configuration(image, layers)))


@cache
def base() -> bytes:
    """Return the layer that all of them have."""
    if not (busybox := find("busybox")):
        raise AssertionError("there is no busybox; it is in the package busybox-static")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with open(busybox, "rb") as file:
        files = {
            "bin/busybox": file.read(),
            "etc/passwd": b"root:x:0:0:root:/:/bin/sh\n",
            "index.html": b"box\n",
        }
    return _tar(files, links={f"bin/{name}": "busybox" for name in applets if name != "busybox"})


def _configuration(image: Image, layers: list[str]) -> Mapping[str, Any]:
    machine = platform.machine()
    usual = {
        "Cmd": ["/bin/httpd", "-f", "-p", "80", "-h", "/"],
        "Env": ["PATH=/bin"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"trued.test.mark": image.mark},
        "StopSignal": "SIGKILL",
    }
    return {
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "created": "2024-01-01T00:00:00Z",
        "config": {**usual, **image.config},
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "trued"} for _ in layers],
    }


def _tar(files: Mapping[str, bytes], links: Mapping[str, str] = {}) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for folder in ("tmp",) if links else ():
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return out.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
