"""The daemon hears of what happens to files, and has them right again long before its interval is over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.sandbox import Sandbox
from tests.waiting import until

SOON = 5.0  # seconds, on a busy machine too; the interval is ten minutes
DECLARED = """
files:
  /etc/motd: {content: "Welcome to ${site}\\n", mode: "0644"}
  /srv/app/deep/app.conf: {content: "port = 80\\n", mode: "0640"}
  /srv/clean: {directory: true, purge: true}
  /srv/latest: {link: app}
"""


@pytest.fixture(name="asleep")
def _asleep(host: Sandbox) -> Iterator[Sandbox]:
    """A host whose daemon has looked, and would look again in ten minutes."""
    host.more = {"interval": "10m"}
    host.configure()
    host.push({"base/base.yaml": DECLARED})
    with host.daemon():
        settle(host)
        yield host


def looks(host: Sandbox) -> int:
    """Return how often the daemon has looked."""
    return host.daemon_log().count("converged at") + host.daemon_log().count("failed at")


def settle(host: Sandbox) -> None:
    """Wait until the daemon has looked, and does not any more."""
    until(lambda: looks(host))
    seen, since = looks(host), time.monotonic()
    while time.monotonic() - since < 1.0:
        time.sleep(0.05)
        if looks(host) != seen:
            seen, since = looks(host), time.monotonic()


def is_right(host: Sandbox) -> bool:
    motd, conf, clean = host.root / "etc/motd", host.root / "srv/app/deep/app.conf", host.root / "srv/clean"
    try:
        return (
            motd.lstat().st_mode == 0o100644
            and conf.lstat().st_mode == 0o100640
            and motd.read_text() == "Welcome to berlin\n"
            and conf.read_text() == "port = 80\n"
            and os.readlink(host.root / "srv/latest") == "app"
            and list(clean.iterdir()) == []
        )
    except OSError:
        return False


def write(root: Path) -> None:
    (root / "etc/motd").write_text("hacked")


def append(root: Path) -> None:
    """A write through a descriptor that is not closed for a while."""
    descriptor = os.open(root / "etc/motd", os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, b"more")
    threading.Timer(SOON * 2, os.close, (descriptor,)).start()


def chmod(root: Path) -> None:
    (root / "etc/motd").chmod(0o666)


def unlink(root: Path) -> None:
    (root / "etc/motd").unlink()


def rename_over(root: Path) -> None:
    (root / "other").write_text("other")
    (root / "other").rename(root / "etc/motd")


def move_away(root: Path) -> None:
    (root / "etc/motd").rename(root / "etc/motd.old")


def symlink(root: Path) -> None:
    (root / "etc/link").symlink_to("passwd")
    (root / "etc/link").rename(root / "etc/motd")


def remove_folder(root: Path) -> None:
    shutil.rmtree(root / "srv/app")


def replace_folder(root: Path) -> None:
    """One above the folder of a file is another one now, with another file in it."""
    (root / "srv/app").rename(root / "srv/old")
    (root / "srv/app/deep").mkdir(parents=True)
    (root / "srv/app/deep/app.conf").write_text("port = 81\n")


def stranger(root: Path) -> None:
    (root / "srv/clean/stranger").write_text("x")


def relink(root: Path) -> None:
    (root / "srv/latest").unlink()
    (root / "srv/latest").symlink_to("old")


HARMS = (
    write, append, chmod, unlink, rename_over, move_away, symlink, remove_folder, replace_folder, stranger, relink,
)  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_what_drifts_is_right_again_at_once(asleep: Sandbox, harm: Callable[[Path], None]) -> None:
    """The interval is ten minutes: nothing but the event can have woken it. And it is watched as before."""
    for _ in range(2):
        assert is_right(asleep)
        harm(asleep.root)
        until(lambda: is_right(asleep), SOON)
        settle(asleep)
        shutil.rmtree(asleep.root / "srv/old", ignore_errors=True)


def test_what_trued_does_not_replace_is_told_at_once(asleep: Sandbox) -> None:
    """A FIFO in the place of a file is left to a person; and once it is gone, the file is back."""
    os.mkfifo(asleep.root / "etc/fifo")
    (asleep.root / "etc/fifo").rename(asleep.root / "etc/motd")
    until(lambda: "file:/etc/motd: blocked" in asleep.daemon_log(), SOON)
    (asleep.root / "etc/motd").unlink()
    until(lambda: is_right(asleep), SOON)


def test_a_file_beside_wakes_nobody(asleep: Sandbox) -> None:
    """An event for a name that is not managed is no reason to look; reading what is managed is none either."""
    before = looks(asleep)
    for number in range(20):
        (asleep.root / "etc/other").write_text(str(number))
        (asleep.root / "etc/motd").read_text()
        os.listdir(asleep.root / "srv/clean")
    (asleep.root / "etc/other").unlink()
    time.sleep(0.5)

    assert before == looks(asleep)


def test_our_own_work_wakes_nobody(asleep: Sandbox) -> None:
    """One look repairs, and no other one follows; a harm that comes later is heard all the same."""
    for _ in range(2):
        before = looks(asleep)
        rename_over(asleep.root)
        until(lambda: is_right(asleep), SOON)
        settle(asleep)

        assert 1 == looks(asleep) - before


def test_git_is_left_alone(asleep: Sandbox) -> None:
    """What happens to a file is no reason to ask Git: a new commit waits for the interval."""
    asleep.push({"base/base.yaml": "files:\n  /etc/motd: {content: new}\n"})
    write(asleep.root)
    until(lambda: is_right(asleep), SOON)


def test_a_new_commit_brings_new_watches(host: Sandbox) -> None:
    host.more = {"interval": "10m"}
    host.configure()
    with host.daemon() as daemon:
        settle(host)
        host.push({"base/base.yaml": "files:\n  /opt/new/file: {content: new}\n"})
        daemon.send_signal(signal.SIGHUP)
        new = host.root / "opt/new/file"
        until(new.exists)
        settle(host)
        new.write_text("other")
        until(lambda: new.read_text() == "new", SOON)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Somebody who writes a file a thousand times a second."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.001):
            path.write_text("mine")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_fight_is_looked_at_twice_a_second(asleep: Sandbox) -> None:
    """A thousand writes a second are two looks a second at that one file, which is told as contested."""
    before = looks(asleep)
    with writing(asleep.root / "etc/motd"):
        time.sleep(3)
        early = looks(asleep) - before
        time.sleep(6)
        late = looks(asleep) - before - early

    assert 2 <= early <= 18  # eight at once, one after the other
    assert late <= 14  # two a second
    assert "file:/etc/motd: contested" in asleep.daemon_log()


def test_a_fight_holds_up_nothing_else(asleep: Sandbox) -> None:
    """What else drifts is right again meanwhile, and the fight costs little: the looks are at one file."""
    with writing(asleep.root / "etc/motd"):
        until(lambda: "file:/etc/motd: contested" in asleep.daemon_log())
        conf = asleep.root / "srv/app/deep/app.conf"
        for _ in range(2):
            conf.write_text("port = 81\n")
            until(lambda: conf.read_text() == "port = 80\n", SOON)

        assert "file:/etc/motd is contested" in asleep.trued("status")


def test_a_fight_that_was_given_up_is_over_when_it_is_answered_next(asleep: Sandbox) -> None:
    """Nothing wakes the daemon then but the end of its own patience: the interval is ten minutes."""
    motd = asleep.root / "etc/motd"
    right = motd.read_text()
    for _ in range(3):
        motd.write_text("mine")
        until(lambda: motd.read_text() == right, SOON)
    motd.write_text("mine")
    until(lambda: "file:/etc/motd: contested" in asleep.daemon_log())

    until(lambda: motd.read_text() == right, 30)


def _limited(limit: int) -> list[str]:
    """Return what to put before a command so that the kernel gives it so many watches (user_namespaces(7))."""
    script = f'echo {limit} > /proc/sys/user/max_inotify_watches && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"]


def _can_limit() -> bool:
    return shutil.which("unshare") is not None and not subprocess.call(
        [*_limited(3), "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.skipif(not _can_limit(), reason="no user namespaces here, in which watches can be limited")
def test_few_watches_are_said_and_the_rest_goes_by_the_interval(host: Sandbox, remote: Path) -> None:
    """Once in the log, as a notice in the report; what can be watched is, and the rest is looked at all the same."""
    host.more = {"interval": "5s"}
    host.configure()
    host.push({"base/base.yaml": DECLARED})
    far = host.root / "srv/app/deep/app.conf"
    with host.daemon(before=_limited(2)):
        until(far.exists)
        until(lambda: "max_inotify_watches" in host.daemon_log() or "max_user_watches" in host.daemon_log())
        for _ in range(2):
            far.write_text("other")
            until(lambda: is_right(host), 15)
        until(lambda: host.status_log(remote))

    assert 1 == host.daemon_log().count("are not watched")
    assert any("are not watched" in notice for notice in host.status(remote)["notices"])


@pytest.mark.skipif(not _can_limit(), reason="no user namespaces here, in which something can be mounted")
def test_what_a_mount_hides_is_there_again_at_once(host: Sandbox) -> None:
    """In what is mounted; and what somebody does to it there is heard of, too."""
    host.more = {"interval": "10m"}
    host.configure()
    host.push({"base/base.yaml": DECLARED})
    folder = host.root / "srv/app/deep"
    with host.daemon(before=["unshare", "--user", "--map-root-user", "--mount"]) as daemon:
        settle(host)
        within = ["nsenter", "--preserve-credentials", "--user", "--mount", f"--target={daemon.pid}"]
        subprocess.run([*within, "mount", "-t", "tmpfs", "none", folder], check=True)
        inside = Path(f"/proc/{daemon.pid}/root{folder}/app.conf")
        until(inside.exists, SOON)
        inside.unlink()
        until(inside.exists, SOON)
