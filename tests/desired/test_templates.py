"""Jinja2 templates of a commit."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.desired import bounds
from agent.desired import templates as module
from agent.desired.templates import Templates
from agent.errors import DocumentError
from agent.model import TreePath

NAMES = {"host": "edge-01", "site": "berlin", "facts": {"arch": "x86_64"}, "secret": "hunter2"}


def rendered(text: str, **others: str) -> str:
    files = {"base/t.j2": text} | {f"base/{name}": other for name, other in others.items()}
    return Templates(lambda path: files.get(str(path)), lambda: NAMES).render(TreePath("base/t.j2"))


def problem(text: str, **others: str) -> str:
    with pytest.raises(DocumentError) as caught:
        rendered(text, **others)
    return str(caught.value)


def test_names_are_filled_in_and_nothing_else_changes() -> None:
    assert "<edge-01> & x86_64\n\n" == rendered("<{{ host }}> & {{ facts.arch }}\n\n")


def test_an_include_stands_beside_its_template() -> None:
    assert "a berlin b" == rendered("a {% include 'part' %} b", part="{{ site }}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n{{ nope }}", "base/t.j2:2: template: 'nope' is undefined"),
        ("{{ facts.nope }}", "base/t.j2:1: template: 'dict object' has no attribute 'nope'"),
        ("a\nb\n{% if %}", "base/t.j2:3: template: Expected an expression, got 'end of statement block'"),
        ("\n{% include 'part2' %}", "base/t.j2:2: template: there is no base/part2 in the commit"),
        ("\n{% include 'part' %}", "base/part:3: template: 'nope' is undefined"),
        ("{{ 1 / 0 }}", "base/t.j2:1: template: division by zero"),
        ("{{ [].append(1) }}", "base/t.j2:1: template: access to attribute 'append' of 'list' object is unsafe."),
        ("{{ secret.index('zz') }}", "base/t.j2:1: template: ValueError"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_with_file_and_line(text: str, message: str) -> None:
    assert message == problem(text, part="a\nb\n{{ nope }}")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x"])
def test_an_include_stays_in_the_folder(name: str) -> None:
    assert problem("{% include '" + name + "' %}").startswith(
        "base/t.j2:1: template: expected a path below the document's own folder"
    )


@pytest.mark.parametrize("text", ["{{ ''.__class__ }}", "{{ host.__init__.__globals__ }}", "{{ self._x }}"])
def test_the_sandbox_holds(text: str) -> None:
    assert problem(text).startswith("base/t.j2:1: template: ")


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 10000000000 }}",
        "{{ 10000000000 * [1] }}",
        "{{ 9 ** 99999999 }}",
        "{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}",
        "{{ range(10000000000) | list }}",
    ],
)
def test_what_comes_out_is_bounded(text: str) -> None:
    assert problem(text).startswith("base/t.j2:1: template: ")


@pytest.mark.parametrize("inside", ["{{ '' }}", "", "{% set x = [i, j] | sort | join %}"])
def test_the_time_is_bounded(monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    """Also of a loop that puts out nothing, for there is no piece of output to stop at."""
    monkeypatch.setattr(module, "MAX_SECONDS", 0.1)
    text = "{% for i in range(90000) %}{% for j in range(90000) %}" + inside + "{% endfor %}{% endfor %}"

    assert problem(text).startswith(
        "base/t.j2:1: template: expected it to be done in 0 s of the processor's time"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' | center(2000000000) }}",
        "{{ '%2000000000d' | format(1) }}",
        "{{ 'a'.ljust(2000000000) }}",
        "{% set n = namespace(x='ab') %}{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}",
    ],
)
def test_the_memory_is_bounded(text: str) -> None:
    assert "base/t.j2:1: template: expected it to take at most 128 MiB of memory" == problem(text)


# An alarm that rings while a gc callback of the test's own tools runs is swallowed there; the next one is not.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_time_of_all_templates_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "AGAIN", 0.02)
    monkeypatch.setattr(module, "MAX_TOTAL", 0.3)
    monkeypatch.setattr(module, "MAX_SECONDS", 0.2)
    endless = "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}"
    templates = Templates(lambda _: endless, lambda: NAMES)
    spent = []
    for name in "abcd":
        begun = time.process_time()
        with pytest.raises(DocumentError, match="expected it to be done in"):
            templates.render(TreePath(name))
        spent.append(time.process_time() - begun)

    assert spent[3] < 0.15


def test_numbers_stay_short_enough_to_be_multiplied() -> None:
    text = "{% set n = namespace(x=10) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}"

    assert "base/t.j2:1: template: expected numbers of at most 65536 bits" == problem(text)


def test_the_bounds_are_given_back() -> None:
    before = (
        signal.getsignal(signal.SIGVTALRM),
        signal.getitimer(signal.ITIMER_VIRTUAL),
        resource.getrlimit(resource.RLIMIT_AS),
    )
    rendered("{{ host }}")
    problem("{{ nope }}")
    problem("{{ 'a' | center(2000000000) }}")

    assert before == (
        signal.getsignal(signal.SIGVTALRM),
        signal.getitimer(signal.ITIMER_VIRTUAL),
        resource.getrlimit(resource.RLIMIT_AS),
    )


def test_reading_an_include_takes_none_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.2)

    def read(path: TreePath) -> str:
        until = time.process_time() + 0.4
        while path.name == "part" and time.process_time() < until:
            pass
        return "{{ site }}" if path.name == "part" else "{% include 'part' %}"

    assert "berlin" == Templates(read, lambda: NAMES).render(TreePath("base/t.j2"))


def test_away_from_the_main_thread_memory_is_still_bounded() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert "berlin" == pool.submit(rendered, "{% include 'part' %}", part="{{ site }}").result()
        assert "128 MiB of memory" in pool.submit(problem, "{{ 'a' | center(2000000000) }}").result()


def test_jinja_is_imported_only_when_a_template_is_rendered() -> None:
    code = "import sys, agent.desired.load, agent.desired.look; sys.exit('jinja2' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
