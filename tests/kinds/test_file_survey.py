"""What a host has that its packages did not bring: the changed, the replaced and the removed among their conffiles."""

from __future__ import annotations

from agent.host import Answer
from agent.kinds import Found
from agent.kinds.file import KIND
from tests.fakes import FakeHost, Node

ASK = ("dpkg-query", "--show", "--showformat=${db:Status-Status}\\n${Conffiles}\\n")
# md5sum of "one\n"
ONE = "5bbf5a52328e7439ae6e719dfe712200"


def surveyed(*conffiles: str, **nodes: Node) -> list[Found]:
    """Return what is found, with a node for each of /etc/NAME, and a line for each conffile."""
    host = FakeHost(
        {"/usr/bin/dpkg-query": Node.file(), **{f"/etc/{name}": node for name, node in nodes.items()}}
    )
    host.answers[ASK] = Answer(0, "".join(f" {line}\n" for line in conffiles), "")
    return list(KIND.survey(host.probe()))


def test_what_is_as_its_package_brought_it_is_no_news() -> None:
    assert [] == surveyed(f"/etc/a {ONE}", a=Node.file(b"one\n"))


def test_what_was_changed_is_taken_over_with_its_content() -> None:
    found = surveyed(f"/etc/a {ONE}", a=Node.file(b"two\n"))

    assert [Found(name="/etc/a", entry={"source": "files/etc/a"}, files={"files/etc/a": b"two\n"})] == found


def test_what_a_new_file_would_not_get_is_declared() -> None:
    (found,) = surveyed(f"/etc/a {ONE}", a=Node.file(b"two\n", mode=0o755))

    assert {"source": "files/etc/a", "mode": "0755"} == found.entry


def test_what_was_removed_is_declared_absent() -> None:
    assert [Found(name="/etc/a", entry="absent")] == surveyed(f"/etc/a {ONE}")


def test_what_was_replaced_by_a_link_is_a_link() -> None:
    assert [Found(name="/etc/a", entry={"link": "b"})] == surveyed(f"/etc/a {ONE}", a=Node.link("b"))


def test_what_not_everybody_may_read_is_named_and_not_copied() -> None:
    (found,) = surveyed(f"/etc/a {ONE}", a=Node.file(b"password\n", mode=0o640))

    assert {} == found.files
    assert "its mode is 0640" in found.skipped


def test_what_is_large_is_named_and_not_copied() -> None:
    (found,) = surveyed(f"/etc/a {ONE}", a=Node.file(b"x" * (1 << 20) + b"x"))

    assert "more than 1 MiB" in found.skipped


def test_conffiles_of_packages_that_have_none_any_more_don_t_count() -> None:
    lines = (f"/etc/a {ONE} obsolete", f"/etc/b {ONE} remove-on-upgrade", "/etc/c newconffile", "")

    assert [] == surveyed(*lines, a=Node.file(b"two\n"))


def test_conffiles_of_packages_that_were_removed_don_t_count() -> None:
    host = FakeHost({"/usr/bin/dpkg-query": Node.file()})
    host.answers[ASK] = Answer(
        0, f"installed\nconfig-files\n /etc/a {ONE}\n /etc/b {ONE}\ninstalled\n /etc/c {ONE}\n", ""
    )

    assert ["/etc/c"] == [found.name for found in KIND.survey(host.probe())]


def test_a_name_with_a_space_is_a_name() -> None:
    host = FakeHost({"/usr/bin/dpkg-query": Node.file(), "/etc/a b": Node.file(b"two\n")})
    host.answers[ASK] = Answer(0, f" /etc/a b {ONE}\n", "")

    assert ["/etc/a b"] == [found.name for found in KIND.survey(host.probe())]


def test_without_dpkg_there_is_nothing_to_find() -> None:
    assert [] == list(KIND.survey(FakeHost().probe()))
