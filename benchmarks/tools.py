"""What other tools are told of the workload of files: each in the quickest form its documentation names that compares contents."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import measure
import workload as loads
from contenders import Contender
from workload import Workload

SLOW_STATES = ("first", "nothing", "drift")
MINE = Path(__file__).parents[1] / ".rivals/bin"  # where benchmarks/rivals puts what Debian has not


def find() -> None:
    """Have what benchmarks/rivals has installed found, as if it were on the PATH."""
    if MINE.is_dir() and str(MINE) not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] += f"{os.pathsep}{MINE}"


def others(load: Workload) -> list[Contender]:
    """Return those that are installed here."""
    return [make(load) for tool, make in OTHERS.items() if shutil.which(tool)]


def _slow(
    name: str, key: str, argv: tuple[str, ...], environment: Mapping[str, str] | None = None
) -> Contender:
    """Return one that is run less often."""
    return Contender(
        name=name,
        key=key,
        run=lambda: measure.process(argv, environment or {}),
        states=SLOW_STATES,
        slow=True,
    )


def _rsync(load: Workload) -> Contender:
    argv = ("rsync", "-ac", f"{load.source}/", f"{load.live}/")
    return Contender(name="rsync -ac (a process)", key="rsync", run=lambda: measure.process(argv, {}))


def _cfengine(load: Workload) -> Contender:
    policy = load.top / "copy.cf"
    policy.write_text(
        f"""\
body common control {{ bundlesequence => {{ "main" }}; }}
body perms m {{ mode => "{loads.MODE:04o}"; rxdirs => "true"; }}
body depth_search all {{ depth => "inf"; }}
body copy_from digest {{ source => "{load.source}"; compare => "digest"; }}
bundle agent main {{
  files: "{load.live}" depth_search => all, copy_from => digest, perms => m;
}}
"""
    )
    policy.chmod(0o600)  # cf-agent refuses what others may write
    argv = ("cf-agent", "-K", "-f", str(policy))
    return Contender(name="cf-agent copy_from digest", key="cf-agent", run=lambda: measure.process(argv, {}))


def _puppet(load: Workload) -> Contender:
    manifest = load.top / "tree.pp"
    manifest.write_text(
        f"file {{ '{load.live}': ensure => directory, recurse => true, source => '{load.source}', "
        f"mode => '{loads.MODE:04o}', checksum => 'sha256' }}\n"
    )
    argv = ("puppet", "apply", str(manifest))
    return _slow("puppet apply, recurse", "puppet", argv)


def _ansible(load: Workload) -> Contender:
    sync = {"src": f"{load.source}/", "dest": f"{load.live}/", "checksum": True, "archive": True}
    task = {"ansible.posix.synchronize": {**sync, "rsync_opts": ["--chmod=F644,D755"]}}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    book = load.top / "tree.yml"
    book.write_text(json.dumps([play]))
    argv = ("ansible-playbook", "-i", "localhost,", str(book))
    environment = {"ANSIBLE_HOME": str(load.top / "ansible"), "ANSIBLE_PIPELINING": "1"}
    return _slow("ansible synchronize", "ansible", argv, environment)


def _salt(load: Workload) -> Contender:
    """A minion without a master, below the scratch folder."""
    conf = load.top / "salt"
    (conf / "states").mkdir(parents=True)
    (conf / "states/tree").symlink_to(load.source)
    minion = {
        "root_dir": str(conf / "root"),
        "file_client": "local",
        "master_type": "disable",
        "id": "bench",
        "file_roots": {"base": [str(conf / "states")]},
        "log_level": "error",
    }
    (conf / "minion").write_text(json.dumps(minion))
    wanted = {"source": "salt://tree", "file_mode": f"{loads.MODE:04o}", "dir_mode": "0755"}
    state = {"file.recurse": [{"name": str(load.live)}, *({key: value} for key, value in wanted.items())]}
    (conf / "states/recurse.sls").write_text(json.dumps({"tree": state}))
    argv = ("salt-call", "--local", "-c", str(conf), "-l", "error", "--retcode-passthrough", "state.apply")
    return _slow("salt file.recurse", "salt", (*argv, "recurse"))


def _pyinfra(load: Workload) -> Contender:
    conf = load.top / "pyinfra"
    conf.mkdir()
    (conf / "inventory.py").write_text('hosts = ["@local"]\n')
    flags = ["-ac", "--chmod=F644,D755"]
    (conf / "deploy.py").write_text(
        "from pyinfra.operations import files\n"
        f"files.rsync({f'{load.source}/'!r}, {f'{load.live}/'!r}, flags={flags!r})\n"
    )
    argv = ("pyinfra", "-y", str(conf / "inventory.py"), str(conf / "deploy.py"))
    return _slow("pyinfra files.rsync", "pyinfra", argv)


OTHERS: Mapping[str, Callable[[Workload], Contender]] = {
    "cf-agent": _cfengine,
    "puppet": _puppet,
    "ansible-playbook": _ansible,
    "rsync": _rsync,
    "salt-call": _salt,
    "pyinfra": _pyinfra,
}
