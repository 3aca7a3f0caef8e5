"""`trued enroll` without a server: what is put down, what is refused, what a second run does."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from agent.cli import main
from agent.config import load_settings
from tests.cli.fleet import Box
from tests.disk import limited_file_size


@pytest.fixture(autouse=True)
def _nothing_there(box: Box) -> None:
    box.push()
    box.config.unlink()


def below(folder: Path) -> dict[str, int]:
    """Return all there is, with its mode."""
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}


def test_a_repository_on_this_machine_takes_agent_yaml_alone(box: Box) -> None:
    box.config = box.folder / "etc/trued/agent.yaml"

    said = box.trued("enroll", str(box.remote), "--host", "edge-01", "--branch", "main")

    settings = load_settings(box.config)
    assert (0, "") == (said.code, said.err)
    assert ("edge-01", str(box.remote), "main") == (
        settings.host,
        settings.source.url,
        settings.source.branch,
    )
    assert {"trued": 0o700, "trued/agent.yaml": 0o600} == below(box.folder / "etc")
    assert f"Wrote: {box.config}: edge-01 follows {box.remote}" == said.out.splitlines()[0]
    assert "This host is let in." in said.out


def test_what_is_written_passes_the_doctor(box: Box) -> None:
    box.trued("enroll", str(box.remote), "--host", "edge-01")

    checks = {each["name"]: each["result"] for each in box.trued("doctor", "--json").data["checks"]}

    assert {"ok"} == {checks[name] for name in ("agent.yaml", "source", "host", "status")}


def test_the_machine_s_name_is_written_down(box: Box) -> None:
    """A machine that gets another name stays the same host."""
    name = subprocess.run(("hostname",), capture_output=True, text=True, check=True).stdout.strip()

    box.trued("enroll", str(box.remote))

    assert f'host: "{name}"' in box.config.read_text().splitlines()


@pytest.mark.parametrize("words", [(), ("--host", "edge-01"), ("--branch", "main")])
def test_a_second_run_leaves_what_says_the_same(box: Box, words: tuple[str, ...]) -> None:
    box.trued("enroll", str(box.remote), "--host", "edge-01")
    box.config.write_text(f"# mine\n{box.config.read_text()}interval: 5m\n")
    before = box.config.stat()

    said = box.trued("enroll", str(box.remote), *words)

    assert (0, "Left as it is") == (said.code, said.out.partition(":")[0])
    assert (before.st_ino, before.st_mtime_ns) == (box.config.stat().st_ino, box.config.stat().st_mtime_ns)


@pytest.mark.parametrize(
    ("words", "differs"),
    [
        (("/srv/other.git",), "url '{}', not '/srv/other.git'"),
        (("{}", "--host", "db-1"), "host 'edge-01', not 'db-1'"),
        (("{}", "--branch", "next"), "branch 'main', not 'next'"),
    ],
)
def test_one_that_says_something_else_is_never_overwritten(
    box: Box, words: tuple[str, ...], differs: str
) -> None:
    """What it says, and how to go on, is told."""
    box.trued("enroll", str(box.remote), "--host", "edge-01")
    before = box.config.read_bytes()

    said = box.trued("enroll", *(word.format(box.remote) for word in words))

    assert 64 == said.code
    assert (
        f"{box.config}: is there already, and says {differs.format(box.remote)}; it is left as it is"
        in said.err
    )
    assert "--config FILE" in said.err
    assert before == box.config.read_bytes()


def test_one_that_makes_no_sense_is_left_to_a_person(box: Box) -> None:
    box.config.write_text("sauce: {}\n")

    said = box.trued("enroll", str(box.remote))

    assert (64, "sauce: {}\n") == (said.code, box.config.read_text())
    assert f"{box.config}: is there already, and cannot be used:" in said.err
    assert "unknown key; did you mean 'source'?" in said.err


def test_a_link_that_leads_nowhere_is_not_written_through(box: Box) -> None:
    box.config.symlink_to(box.folder / "elsewhere")

    said = box.trued("enroll", str(box.remote))

    assert 64 == said.code
    assert not (box.folder / "elsewhere").exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://ops:hunter2@git.example.com/fleet.git",
        "https://hunter2@git.example.com/fleet.git",
        "ssh://git:hunter2@git.example.com/fleet.git",
        "git:hunter2@git.example.com:fleet.git",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(box: Box, url: str) -> None:
    said = box.trued("enroll", url, "--host", "edge-01")

    assert (64, False) == (said.code, box.config.exists())
    assert "--token-file FILE" in said.err
    assert "hunter2" not in said.out + said.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ftp://x/y",), "the URL: unknown scheme 'ftp'"),
        (("fleet",), "the URL: expected https://"),
        (("/srv/fleet.git", "--host", "edge 1"), "--host: expected a host name"),
        (("/srv/fleet.git", "--branch", "a..b"), "--branch: not a name that Git allows: 'a..b'"),
        (("http://git.example.com/x.git",), "a token must not travel over http://"),
        (("https://git.example.com/x.git", "--fingerprint", "SHA256:x"), "--fingerprint: goes with ssh"),
        (("git@git.example.com:x.git", "--token-file", "x"), "--token-file: goes with https"),
        (("git@git.example.com:x.git", "--known-hosts", "nowhere"), "nowhere: there is no such file"),
        (("git@git.example.com:x.git", "--yes", "--fingerprint", "x"), "not allowed with argument"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    box: Box, words: tuple[str, ...], says: str
) -> None:
    box.config = box.folder / "new/agent.yaml"

    said = box.trued("enroll", *words)

    assert (64, []) == (said.code, [name for name in below(box.folder) if name.startswith("new/")])
    assert says in said.err


def test_a_folder_that_others_may_write_to_is_no_place_for_a_key(box: Box) -> None:
    box.folder.chmod(0o777)

    said = box.trued("enroll", str(box.remote))

    assert (64, False) == (said.code, box.config.exists())
    assert f"chmod go-w {box.folder}" in said.err


def test_a_full_disk_leaves_nothing_half_written(box: Box) -> None:
    """And with room again the same command does it."""
    box.config = box.folder / "etc/trued/agent.yaml"
    with limited_file_size(100):
        said = box.trued("enroll", str(box.remote), "--host", "edge-01")
    assert 64 == said.code
    assert f"{box.config}: cannot be written: File too large" in said.err
    assert {"trued": 0o700} == below(box.folder / "etc")

    assert 0 == box.trued("enroll", str(box.remote), "--host", "edge-01").code


def test_a_repository_that_is_not_there_yet_is_no_failure(box: Box) -> None:
    """What comes next is said."""
    said = box.trued("enroll", str(box.folder / "later.git"), "--host", "edge-01")

    assert (0, True) == (said.code, box.config.exists())
    assert "failed   source" in said.out
    assert said.out.endswith("Do what is said above, then:\n  trued doctor\n")


def test_https_says_how_to_make_a_token(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """For the forge that the name tells; the token itself is made by nobody here."""
    url = "https://gitlab.invalid/ops/fleet.git"

    said = box.trued("enroll", url, "--host", "edge-01")

    assert 0 == said.code
    assert "https://gitlab.invalid/ops/fleet/-/settings/access_tokens" in said.out
    assert "GitHub" not in said.out
    assert str(box.folder / "token") == str(load_settings(box.config).source.token_file)
    assert not (box.folder / "token").exists()


def test_a_program_gets_one_answer(box: Box) -> None:
    data = box.trued("enroll", str(box.remote), "--host", "edge-01", "--json").data

    assert (True, "edge-01", str(box.remote), "main") == (
        data["written"],
        data["host"],
        data["url"],
        data["branch"],
    )
    assert ["source", "signature", "host"] == [each["name"] for each in data["checks"]]


@pytest.mark.root
def test_a_user_who_may_not_is_told_to_be_root(box: Box) -> None:
    folder = Path(
        subprocess.run(("mktemp", "-d"), capture_output=True, text=True, check=True).stdout.strip()
    )
    folder.chmod(0o755)
    try:
        words = ("enroll", "/srv/fleet.git", "--host", "a", "--config", str(folder / "etc/agent.yaml"))
        said = box.process(*words, before=("setpriv", "--reuid=65534", "--clear-groups"))
    finally:
        subprocess.run(("rm", "-rf", str(folder)), check=True)

    assert 64 == said.code
    assert f"{folder}/etc: cannot be written: Permission denied" in said.err
    assert "run it as root" in said.err


def test_the_url_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert 64 == main(["enroll"])
    assert "the following arguments are required: URL" in capsys.readouterr().err
