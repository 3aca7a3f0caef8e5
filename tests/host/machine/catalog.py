"""The packages that tests install: each shows one thing that packages do, good or bad."""

from __future__ import annotations

from collections.abc import Iterator

from tests.host.machine.deb import Package

ALLOWED = "/srv/hello-allowed"  # while this file is missing, what is to fail fails
SECONDS = "/srv/hello-seconds"  # how long hello-slow takes; 5 when the file is missing

_FAILING = f"""\
#!/bin/sh
[ -e {ALLOWED} ] || {{ echo "$DPKG_MAINTSCRIPT_PACKAGE fails on purpose" >&2; exit 7; }}
"""
_SLOW = f"""\
#!/bin/sh
sleep "$(cat {SECONDS} 2>/dev/null || echo 5)"
"""
_REBOOT = """\
#!/bin/sh
echo "*** System restart required ***" >/run/reboot-required
echo hello-kernel >>/run/reboot-required.pkgs
"""
_UNIT = """\
[Unit]
Description=Hello of the tests
[Service]
EnvironmentFile=-/etc/default/hello-service
ExecStart=/usr/bin/hello-service
ExecReload=/bin/kill -HUP $MAINPID
[Install]
WantedBy=multi-user.target
"""
# One process: where cgroups are of version 1, systemd in a container is not told that the last of several has ended.
_DAEMON = """\
#!/usr/bin/python3 -u
import os, signal
print("hello-service VERSION says", os.environ.get("GREETING", "nothing"))
signal.signal(signal.SIGHUP, lambda *_: print("reloaded"))
while True:
    signal.pause()
"""
# What dh_installsystemd puts into a package.
_SERVICE_UP = """\
#!/bin/sh
set -e
deb-systemd-helper enable hello-service.service >/dev/null
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload
    if [ -n "$2" ]; then action=restart; else action=start; fi
    deb-systemd-invoke "$action" hello-service.service >/dev/null
fi
"""
_SERVICE_DOWN = """\
#!/bin/sh
set -e
if [ -d /run/systemd/system ] && [ "$1" = remove ]; then
    deb-systemd-invoke stop hello-service.service >/dev/null
fi
"""
_SERVICE_GONE = """\
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl --system daemon-reload; fi
if [ "$1" = purge ]; then deb-systemd-helper purge hello-service.service >/dev/null; fi
"""


def catalog() -> Iterator[Package]:
    """Yield what the repository `packages` holds."""
    for version in ("1.0", "1.1", "2.0"):
        yield Package(
            name="hello-tool",
            version=version,
            files={
                "/etc/hello-tool.conf": f"default = {version}\n",
                "/usr/bin/hello-tool": f"#!/bin/sh\necho hello-tool {version}\n",
            },
        )
    yield Package(name="hello-plugin", control={"Depends": "hello-tool (>= 2.0)"})
    yield Package(name="hello-suite", control={"Depends": "hello-data", "Recommends": "hello-extras"})
    yield Package(name="hello-data")  # only somebody's dependency
    yield Package(name="hello-extras")
    yield Package(name="hello-rival", control={"Conflicts": "hello-tool"})
    yield Package(name="hello-hostile", control={"Conflicts": "login"})  # essential: apt knows no way
    yield Package(name="hello-unmet", control={"Depends": "hello-nowhere (>= 3)"})
    yield Package(name="hello-mail-a", control={"Provides": "hello-mail"})
    yield Package(name="hello-mail-b", control={"Provides": "hello-mail"})
    yield Package(name="hello-broken")
    yield Package(name="hello-broken", version="2.0", scripts={"postinst": _FAILING})
    yield Package(name="hello-clinging", scripts={"prerm": _FAILING})
    yield Package(name="hello-slow", scripts={"postinst": _SLOW})
    yield Package(name="hello-slow", version="2.0", scripts={"postinst": _SLOW})
    yield Package(name="hello-kernel", scripts={"postinst": _REBOOT})
    yield Package(name="hello-big", files={"/usr/share/hello-big/zeros": bytes(64 << 20)})
    yield from (service(version) for version in ("1.0", "2.0"))


def service(version: str) -> Package:
    """Return a package that brings a unit, and enables and starts it."""
    return Package(
        name="hello-service",
        version=version,
        files={
            "/etc/default/hello-service": "GREETING=hello\n",
            "/lib/systemd/system/hello-service.service": _UNIT,
            "/usr/bin/hello-service": _DAEMON.replace("VERSION", version),
        },
        scripts={"postinst": _SERVICE_UP, "prerm": _SERVICE_DOWN, "postrm": _SERVICE_GONE},
    )


def other_catalog() -> Iterator[Package]:
    """Yield what the repository `other_packages` holds."""
    yield Package(name="hello-other")
    yield Package(name="hello-tool", version="3.0")


def bulk(count: int) -> Iterator[Package]:
    """Yield many packages with nothing in them."""
    for number in range(count):
        yield Package(name=f"bulk-{number:03}")
