"""Makes Debian packages, deb(5): tiny ones, in a few milliseconds each."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.host.machine.tools import call


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """
    What is in a package. `control` holds more fields of deb-control(5); `files` are by their path, with `#!` executable;
    `scripts` are by name, postinst and the like. Files below /etc are conffiles.
    """

    name: str
    version: str = "1.0"
    control: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        return f"{self.name}_{self.version}_all.deb"

    def build(self, folder: Path) -> Path:
        """Write the package into a folder; return its file."""
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": "all",
            "Maintainer": "Test <test@example.com>",
            "Description": f"{self.name} for tests",
            **self.control,
        }
        files = {f"/usr/share/{self.name}/version": f"{self.version}\n", **self.files}
        conffiles = "".join(f"{path}\n" for path in files if path.startswith("/etc/"))
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            for path, content in files.items():
                _write(root / path.lstrip("/"), content)
            _write(root / "DEBIAN/control", "".join(f"{key}: {value}\n" for key, value in fields.items()))
            _write(root / "DEBIAN/conffiles", conffiles)
            for name, text in self.scripts.items():
                _write(root / "DEBIAN" / name, text)
            root.chmod(0o755)
            call("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", root, folder / self.filename)
        return folder / self.filename


def _write(path: Path, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o755 if data.startswith(b"#!") else 0o644)
