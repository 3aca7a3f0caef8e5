"""A machine that waits for a reboot says so, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.reboot import reasons

RUNNING = "6.1.0-18-amd64"


def test_without_a_sign_none_is_asked_for(root: Path) -> None:
    assert () == reasons(root, RUNNING)


def test_packages_that_ask_for_it_are_named_each_once(root: Path) -> None:
    (root / "run").mkdir()
    (root / "run/reboot-required").write_text("*** System restart required ***\n")
    (root / "run/reboot-required.pkgs").write_text("linux-base\ndbus\nlinux-base\n")

    assert ("asked for by dbus, linux-base",) == reasons(root, RUNNING)


def test_a_sign_without_packages_is_one_too(root: Path) -> None:
    (root / "run").mkdir()
    (root / "run/reboot-required").touch()

    assert ("asked for by /run/reboot-required",) == reasons(root, RUNNING)


@pytest.mark.parametrize(
    ("installed", "newer"),
    [
        (("6.1.0-18-amd64",), ""),
        (("6.1.0-9-amd64", "6.1.0-18-amd64"), ""),
        (("6.1.0-18-amd64", "6.1.0-21-amd64"), "6.1.0-21-amd64"),
        (("6.1.0-21-amd64", "6.1.0-100-amd64"), "6.1.0-100-amd64"),
        (("6.1.0-21-cloud-amd64",), ""),
        (("6.12.3+bpo-amd64", "6.1.0-18-amd64"), ""),
        (("rescue",), ""),
    ],
)
def test_a_newer_kernel_of_the_same_flavour_waits_for_it(
    root: Path, installed: tuple[str, ...], newer: str
) -> None:
    (root / "boot").mkdir()
    for release in installed:
        (root / f"boot/vmlinuz-{release}").touch()
    expected = (f"kernel {newer} is installed, {RUNNING} runs",) if newer else ()

    assert expected == reasons(root, RUNNING)
