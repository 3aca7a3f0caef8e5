"""What cases cannot say of kernel parameters; and that a real kernel agrees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import HostError
from agent.host.local import Local
from agent.kinds import Found
from agent.kinds.sysctl import KIND, Setting, SysctlSpec
from agent.kinds.sysctl.files import assignments
from agent.kinds.sysctl.words import checked_name, file, live, same
from agent.model import ResourceId, Stale, Step, WriteFile
from tests.fakes import FakeHost, Node
from tests.kinds.hosts.sysctl import furnish
from tests.properties import patient


@pytest.mark.parametrize(
    ("written", "name", "path"),
    [
        ("net.ipv4.ip_forward", "net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.enp3s0/200.forwarding", "net.ipv4.conf.enp3s0/200.forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
        ("net/ipv4/conf/enp3s0.200/forwarding", "net.ipv4.conf.enp3s0/200.forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
        ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-iptables", "net/bridge/bridge-nf-call-iptables"),
    ],
)  # fmt: skip
def test_a_name_is_read_as_sysctl_d_does(written: str, name: str, path: str) -> None:
    assert name == checked_name(written)
    assert PurePosixPath("/proc/sys", path) == live(name)


@given(st.text(max_size=30))
@patient
def test_a_name_leads_below_proc_sys_and_to_one_file_or_is_refused(written: str) -> None:
    try:
        name = checked_name(written)
    except ValueError:
        return
    assert name == checked_name(name)
    assert live(name).is_relative_to("/proc/sys")
    assert ".." not in live(name).parts
    assert PurePosixPath("/etc/sysctl.d") == file(name).parent


@pytest.mark.parametrize(
    "written",
    ["", "a", "net", ".a", "a.", "a..b", "net.ipv4.*.x", "a b.c", "-net.ipv4.ip_forward", "net.ipv4/../x", "../x/y", "a=b.c", "a\n.b", "x." + "y" * 200],
)  # fmt: skip
def test_what_is_no_name(written: str) -> None:
    with pytest.raises(ValueError, match="expected the name of a kernel parameter"):
        checked_name(written)


def test_the_host_name_has_its_own_section() -> None:
    with pytest.raises(ValueError, match="in the section hostname"):
        checked_name("kernel.hostname")


def test_two_names_never_share_a_file() -> None:
    assert file("net.ipv4.conf.a/b.c") != file("net.ipv4.conf.a.b.c")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "got nothing"),
        (" \t", "got nothing"),
        ("a\0b", "control characters"),
        ("x" * 4097, "at most 4096"),
    ],
)
def test_what_is_no_value(value: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SysctlSpec(value=value)


def test_a_value_is_one_line_whatever_is_in_it() -> None:
    """No line of its own gets into the file."""
    assert "1 kernel.sysrq = 1" == SysctlSpec(value="1\nkernel.sysrq = 1").value


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("1", "1", True),
        ("16", "0x10", True),
        ("010", "8", True),
        ("-1", "-1", True),
        ("-1", "1", False),
        ("08", "8", False),
        ("1,2,3", "1-3", True),
        ("3,1-2", "1-3", True),
        ("8080,9000-9002", "9000-9002,8080", True),
        ("1,3", "1-3", False),
        ("5", "5 6", False),
        ("a", "b", False),
        ("|/bin/x %p", "|/bin/x %p", True),
    ],
)
def test_what_the_kernel_takes_for_the_same(one: str, other: str, is_same: bool) -> None:
    assert (is_same, is_same) == (same(one, other), same(other, one))


@given(st.text(alphabet="0123456789abcxX-, .", max_size=12), st.text(alphabet="0123456789-, ", max_size=12))
@patient
def test_comparing_takes_whatever_a_kernel_says(one: str, other: str) -> None:
    assert same(one, one)
    assert same(one, other) == same(other, one)


def test_lines_of_a_file_are_read_as_sysctl_d_does() -> None:
    text = (
        "\n# a.b = 1\n;c.d=2\n  e.f = 3 4 \n-g.h=5\nnet/ipv4/x=6\ni.*.j = 7\n-k.l\nnonsense\ne.f = 8 = 9\n"
    )

    assert [("e.f", "3 4"), ("g.h", "5"), ("net.ipv4.x", "6"), ("e.f", "8 = 9")] == list(assignments(text))


def test_procps_comes_first() -> None:
    declared = {ResourceId.parse("package:procps"), ResourceId.parse("package:vim")}

    assert [ResourceId.parse("package:procps")] == list(
        KIND.edges("vm.swappiness", SysctlSpec(value="1"), declared)
    )


def steps(have: Setting) -> list[str]:
    return [step.why for step in KIND.steps("vm.swappiness", SysctlSpec(value="10"), have, stale=Stale.NO)]


def test_what_will_not_last_is_set_now_all_the_same() -> None:
    """And said once it is."""
    there = FakeHost({"/etc/sysctl.d/zz.conf": Node.file(b"vm.swappiness = 60\n")})
    furnish(there, {"kernel": {"vm/swappiness": 60}})
    want = {"vm.swappiness": SysctlSpec(value="10")}
    have = KIND.observe(there.probe(), want)["vm.swappiness"]
    assert isinstance(have, Setting)
    for step in (done := list(KIND.steps("vm.swappiness", want["vm.swappiness"], have, stale=Stale.NO))):
        there.perform(step)
    assert ["the kernel has 60, wanted 10"] == [step.why for step in done]
    after = KIND.observe(there.probe(), want)["vm.swappiness"]
    assert isinstance(after, Setting)
    with pytest.raises(HostError, match=r"will not be after the next boot: /etc/sysctl\.d/zz\.conf sets 60"):
        steps(after)


def test_what_the_kernel_bounds_is_said_and_not_taken_for_done() -> None:
    there = FakeHost()
    furnish(there, {"kernel": {"vm/swappiness": 60}, "takes": {"10": "4"}})
    want = {"vm.swappiness": SysctlSpec(value="10")}
    for _ in range(2):
        have = KIND.observe(there.probe(), want)["vm.swappiness"]
        assert isinstance(have, Setting)
        for step in KIND.steps("vm.swappiness", want["vm.swappiness"], have, stale=Stale.NO):
            there.perform(step)

    after = KIND.observe(there.probe(), want)["vm.swappiness"]
    assert isinstance(after, Setting)
    assert ["the kernel has 4, wanted 10"] == steps(after)


def test_a_refused_value_is_not_written_down() -> None:
    there = FakeHost()
    furnish(there, {"kernel": {"vm/swappiness": 60}})
    have = KIND.observe(there.probe(), {"vm.swappiness": SysctlSpec(value="10")})["vm.swappiness"]
    assert isinstance(have, Setting)

    assert ["the kernel has 60, wanted 10", "nothing sets it at boot"] == steps(have)


def test_one_that_cannot_be_read_leaves_the_others() -> None:
    there = FakeHost(unreadable={"/proc/sys/vm/swappiness": "cannot be read"})
    furnish(there, {"kernel": {"vm/swappiness": 60, "vm/dirty_ratio": 20}})
    wants = dict.fromkeys(("vm.swappiness", "vm.dirty_ratio"), SysctlSpec(value="1"))
    found = KIND.observe(there.probe(), wants)

    assert [HostError, Setting] == [type(have) for have in found.values()]


def test_a_survey_finds_what_an_administrator_has_set() -> None:
    there = FakeHost(
        {
            "/usr/lib/sysctl.d/50-vendor.conf": Node.file(b"kernel.pid_max = 4194304\nvm.swappiness = 60\n"),
            "/etc/sysctl.d/99-sysctl.conf": Node.link("../sysctl.conf"),
            "/etc/sysctl.conf": Node.file(b"vm.swappiness=10\nvm.dirty_ratio=5\nkernel.hostname=x\n"),
            "/etc/sysctl.d/10-net.conf": Node.file(b"net.ipv4.ip_forward = 1\nnet.bridge.x = 1\nnet.ipv4.*.y = 1\n"),
            "/etc/sysctl.d/99-trued-vm.overcommit_memory.conf": Node.file(b"vm.overcommit_memory = 1\n"),
        }
    )  # fmt: skip
    values = {"vm/swappiness": 10, "vm/dirty_ratio": 20, "net/ipv4/ip_forward": 1, "vm/overcommit_memory": 1}
    furnish(there, {"kernel": values})
    found = {one.name: one for one in KIND.survey(there.probe())}

    assert {"net.ipv4.ip_forward": "1", "vm.swappiness": "10"} == {
        name: one.entry for name, one in found.items() if not one.skipped
    }
    assert found["vm.dirty_ratio"].skipped == (
        "/etc/sysctl.conf sets 5, and the kernel has 20: declare the one that holds"
    )
    assert found["net.bridge.x"].skipped.startswith("/etc/sysctl.d/10-net.conf sets it: this kernel has no")
    assert 4 == len(found)


def test_a_plan_of_what_a_survey_finds_is_empty() -> None:
    there = FakeHost({"/etc/sysctl.d/10-net.conf": Node.file(b"net.ipv4.tcp_rmem = 1 2\t3\n")})
    furnish(there, {"kernel": {"net/ipv4/tcp_rmem": "1\t2\t3"}})
    (found,) = KIND.survey(there.probe())
    assert isinstance(found, Found)
    want = {found.name: SysctlSpec(value=str(found.entry))}
    have = KIND.observe(there.probe(), want)[found.name]

    assert [] == list(KIND.steps(found.name, want[found.name], have, stale=Stale.NO))  # type: ignore[arg-type]


REAL = """
from pathlib import Path
import subprocess, tempfile
from agent.errors import HostError
from agent.host.local import Local
from agent.kinds.sysctl import KIND, SysctlSpec
from agent.model import Run, Stale

subprocess.run(["ip", "link", "add", "vlan0.200", "type", "veth"], check=True)
host = Local(Path("/"), Path(tempfile.mkdtemp()))

def go(name, value):
    wants = {KIND.name(name): SysctlSpec(value=value)}
    for name, want in wants.items():
        try:
            have = KIND.observe(host.probe(), wants)[name]
            if isinstance(have, HostError):
                raise have
            for step in KIND.steps(name, want, have, stale=Stale.NO):
                if isinstance(step, Run):
                    host.perform(step)
            have = KIND.observe(host.probe(), wants)[name]
            left = [step.why for step in KIND.steps(name, want, have, stale=Stale.NO) if isinstance(step, Run)]
            print(have.live, left)
        except HostError as error:
            print(error.reason)

go("net.ipv4.ip_forward", "1")
go("net.ipv4.tcp_rmem", "4096  131072 6291456")
go("net/ipv4/conf/vlan0.200/forwarding", "1")
go("net.ipv4.conf.vlan0/200.forwarding", "0")
go("net.ipv4.ip_local_reserved_ports", "8080,8081,8082,9000")
go("net.ipv4.ip_default_ttl", "300")
go("net.ipv4.tcp_rmem", "5")
go("net.ipv4.route.flush", "1")
go("net.ipv4.nonsense", "1")
"""


@pytest.mark.root
def test_a_real_kernel_agrees() -> None:
    """In a network of its own: nothing of this machine is touched."""
    said = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-c", REAL], capture_output=True, text=True, check=False
    )  # fmt: skip

    assert [
        "1 []",
        "4096 131072 6291456 []",
        "1 []",
        "0 []",
        "8080-8082,9000 []",
        '`sysctl -q -w net.ipv4.ip_default_ttl=300` exited with 1: sysctl: setting key "net.ipv4.ip_default_ttl": Invalid argument',
        "5 131072 6291456 ['the kernel has 5 131072 6291456, wanted 5']",
    ] == said.stdout.splitlines()[:-2], said.stderr
    assert "net.ipv4.route.flush is a command to the kernel" in said.stdout
    assert "this kernel has no parameter net.ipv4.nonsense now" in said.stdout


def test_a_link_that_is_not_followed_is_in_the_way_of_no_parameter(tmp_path: Path) -> None:
    """Somebody has put one there that leads through another one: what it says is read before what trued writes."""
    root = tmp_path / "host"
    for folder in ("etc/sysctl.d", "opt/app-1", "proc/sys/vm"):
        (root / folder).mkdir(parents=True)
    (root / "proc/sys/vm/swappiness").write_text("10\n")
    (root / "opt/app").symlink_to("app-1")
    (root / "opt/app-1/s.conf").write_text("vm.swappiness = 1\n")
    (root / "etc/sysctl.d/50-app.conf").symlink_to("/opt/app/s.conf")
    want, local = SysctlSpec(value="10"), Local(root, tmp_path / "state")

    def steps() -> list[Step]:
        have = KIND.observe(local.probe(), {"vm.swappiness": want})["vm.swappiness"]
        assert isinstance(have, Setting)
        return list(KIND.steps("vm.swappiness", want, have, stale=Stale.NO))

    (step,) = steps()
    assert isinstance(step, WriteFile)
    assert "/etc/sysctl.d/50-app.conf cannot be read, and may set it at boot" == step.why
    local.perform(step)
    assert [] == steps()


def test_what_may_be_overruled_by_a_file_that_cannot_be_read_is_not_adopted() -> None:
    host = FakeHost(
        {
            "/etc/sysctl.d/50-a.conf": Node.file(b"vm.swappiness=1\n"),
            "/etc/sysctl.d/60-b.conf": Node.file(b"vm.laptop_mode=1\n"),
        }
    )
    furnish(host, {"kernel": {"vm/swappiness": 1, "vm/laptop_mode": 1}})
    host.unreadable[PurePosixPath("/etc/sysctl.d/55-c.conf")] = "cannot be read"
    host.nodes[PurePosixPath("/etc/sysctl.d/55-c.conf")] = Node.file(b"")

    assert [
        Found(
            name="vm.swappiness",
            entry=None,
            skipped="/etc/sysctl.d/55-c.conf cannot be read, and may set it at boot",
        ),
        Found(name="vm.laptop_mode", entry="1"),
    ] == list(KIND.survey(host.probe()))


def test_where_the_last_word_cannot_be_read_the_value_is_set_now_all_the_same() -> None:
    there = FakeHost(
        {"/etc/sysctl.d/zz.conf": Node.file(b"")}, unreadable={"/etc/sysctl.d/zz.conf": "is odd"}
    )
    furnish(there, {"kernel": {"vm/swappiness": 60}})
    want = SysctlSpec(value="10")

    def steps() -> list[Step]:
        have = KIND.observe(there.probe(), {"vm.swappiness": want})["vm.swappiness"]
        assert isinstance(have, Setting)
        return list(KIND.steps("vm.swappiness", want, have, stale=Stale.NO))

    for step in steps():
        there.perform(step)
    assert b"10\n" == there.nodes[PurePosixPath("/proc/sys/vm/swappiness")].data
    with pytest.raises(HostError, match="after the next boot cannot be told: /etc/sysctl.d/zz.conf: is odd"):
        steps()
