"""Who one is at a registry, where docker login leaves it to a program: docker-credential-NAME."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.errors import HostError
from agent.host import commands
from agent.host.engine.client import Client
from agent.host.engine.registry import AGAIN, Registries

SECRET = "hunter2"
SERVER = "r.example.com"
KNOWN = f'{{"ServerURL": "{SERVER}", "Username": "edge-01", "Secret": "{SECRET}"}}'


class FakeClient(Client):
    """An engine that keeps what it is sent for a registry, and has one digest for everything."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []

    def get(self, path: str, *_: object, headers: Mapping[str, str] | None = None, **__: object) -> Any:
        sent = (headers or {}).get("X-Registry-Auth", "")
        self.sent.append(json.loads(base64.urlsafe_b64decode(sent) or "{}"))
        return {"Descriptor": {"digest": "sha256:1"}}


class Keeper:
    """A host whose credential helper is a script of one's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = FakeClient()
        self.now = 1000.0
        self.config = folder / "config.json"
        self.says({"credHelpers": {SERVER: "own"}})
        self.registries = Registries(docker_config=self.config, recall=0.3, clock=lambda: self.now)

    def says(self, config: Mapping[str, Any]) -> None:
        self.config.write_text(json.dumps(config))

    def has(self, script: str) -> None:
        path = self.folder / "docker-credential-own"
        path.write_text(f"#!/bin/sh\necho asked >>{self.folder}/asked\n{script}\n")
        path.chmod(0o755)

    @property
    def asked(self) -> int:
        """How often the helper was run."""
        log = self.folder / "asked"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def ask(self, image: str = f"{SERVER}/web:1") -> Mapping[str, Any]:
        """Have a registry asked for an image; return as whom."""
        self.registries.digest(self.client, image, age=0)
        return self.client.sent[-1]


@pytest.fixture(name="keeper")
def _keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    monkeypatch.setitem(commands.ENVIRONMENT, "PATH", f"{tmp_path}:{commands.ENVIRONMENT['PATH']}")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # helpers inherit it
    yield Keeper(tmp_path)
    signal.signal(signal.SIGINT, before)


def test_a_helper_is_told_the_server_and_says_who_one_is(keeper: Keeper) -> None:
    keeper.has(f"""[ "$1" = get ] && [ "$(cat)" = {SERVER} ] && echo '{KNOWN}'""")

    assert {"ServerAddress": SERVER, "Username": "edge-01", "Password": SECRET} == keeper.ask()


def test_the_hub_has_a_name_of_its_own(keeper: Keeper) -> None:
    keeper.says({"credsStore": "own"})
    keeper.has(f"""[ "$(cat)" = https://index.docker.io/v1/ ] && echo '{KNOWN}'""")

    assert "https://index.docker.io/v1/" == keeper.ask("nginx")["ServerAddress"]


def test_a_token_is_no_password(keeper: Keeper) -> None:
    keeper.has(f"""echo '{KNOWN.replace("edge-01", "<token>")}'""")

    assert {"ServerAddress": SERVER, "IdentityToken": SECRET} == keeper.ask()


@pytest.mark.parametrize(
    "script",
    [
        "echo 'credentials not found in native keychain'; exit 1",
        """echo '{"ServerURL": "", "Username": "", "Secret": ""}'""",
    ],
)
def test_where_a_helper_knows_nobody_the_file_may(keeper: Keeper, script: str) -> None:
    keeper.has(script)
    auth = base64.b64encode(b"somebody:else").decode()
    keeper.says({"credsStore": "own", "auths": {"other.example.com": {"auth": auth}}})

    assert {} == keeper.ask()
    assert "somebody" == keeper.ask("other.example.com/web:1")["username"]


def test_a_helper_knows_the_home_and_nothing_else_of_what_trued_was_given(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/of/trued")
    monkeypatch.setenv("TRUED_TOKEN", SECRET)
    keeper.has("""printf '{"Username": "%s", "Secret": "%s."}' "$HOME" "$TRUED_TOKEN" """)

    assert ("/home/of/trued", ".") == (keeper.ask()["Username"], keeper.ask()["Password"])


def test_a_helper_that_hangs_is_waited_for_once(keeper: Keeper) -> None:
    """For the sake of any image of any registry, until some minutes have gone by."""
    keeper.says({"credsStore": "own"})
    keeper.has("exec sleep 60")
    began = time.monotonic()
    with pytest.raises(HostError, match=r"^docker-credential-own does not answer within 0\.3 s$"):
        keeper.ask()
    for image in (f"{SERVER}/web:2", "other.example.com/web:1"):
        with pytest.raises(HostError, match="docker-credential-own does not answer .* \\(a moment ago\\)"):
            keeper.ask(image)

    assert time.monotonic() - began < 20
    assert 1 == keeper.asked
    keeper.now += AGAIN
    keeper.has(f"echo '{KNOWN}'")
    assert "edge-01" == keeper.ask()["Username"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "docker-credential-own does not tell: exit code 3"),
        (f"echo {SECRET}; kill -KILL $$", "docker-credential-own does not tell: exit code -9"),
        (f"echo '[\"{SECRET}\"]'", "docker-credential-own: expected JSON with Username and Secret"),
        (f"echo {SECRET}", "docker-credential-own: expected JSON with Username and Secret"),
        (f"echo {SECRET} >&2; exec sleep 60", "docker-credential-own does not answer within 0.3 s"),
    ],
)
def test_what_is_wrong_with_a_helper_is_told_without_what_it_says(
    keeper: Keeper, script: str, words: str
) -> None:
    keeper.has(script)
    with pytest.raises(HostError) as caught:
        keeper.ask()

    assert f"{words}; try it: echo {SERVER} | docker-credential-own get" == caught.value.reason


def test_a_helper_that_is_not_installed_is_told(keeper: Keeper) -> None:
    with pytest.raises(HostError, match="^there is no command docker-credential-own on this host$"):
        keeper.ask()
