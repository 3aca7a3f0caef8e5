"""Compose files that nobody writes by accident: they are refused in bounded time, each with its place."""

from __future__ import annotations

import pytest

from tests.compose_section.shop import ids, refusal, tree

BOMB = "x-a: &a [{}]\n".format(", ".join(["1"] * 100)) + "".join(
    f"x-{chr(98 + at)}: &{chr(98 + at)} [{', '.join([f'*{chr(97 + at)}'] * 100)}]\n" for at in range(4)
)


@pytest.mark.parametrize(
    ("compose", "message"),
    [
        (BOMB + "services: {web: {image: i}}", "expected at most 250000 values, aliases written out"),
        ("services: " + "{a: " * 200, "expected at most 50 levels of nesting"),
        ("services: {web: &w {image: i, labels: *w}}", "expected data that ends"),
        ("services: {web: {image: 'i', a: '" + "${A:-" * 1000 + "}" * 1000 + "'}}", "expected at most 20 variables inside one another"),
        ("#" + "x" * (5 << 20), "expected a document of at most 4 MiB"),
        (b"services: {web: {image: \xff}}", "expected UTF-8 text"),
        ('services: {web: {image: i, volumes: ["./\\0:/x"]}}', "expected a path"),
        ("services: {'../../x': {image: i}}", "expected a name of 2 to 128"),
        ('services: {web: {image: i, volumes: ["./a\\nb:/x"]}}', "control characters"),
        ("services: {web: {image: i, configs: ['../x']}}\nconfigs: {'../x': {content: a}}", "there is no '../x' under configs"),
        ("services: {web: {image: i, env_file: '.git/config'}}", "there is no file base/shop/.git/config"),
        ("services: {web: {image: i, volumes: ['./" + "a/" * 3000 + ":/x']}}", "expected a path"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused(compose: str | bytes, message: str) -> None:
    lines = refusal(tree(compose))

    assert any(message in line for line in lines)
    assert all(line.startswith("base/shop/") for line in lines)


def test_a_lot_of_services_is_done_in_no_time() -> None:
    lines = [
        f"  s{at}: {{image: i, depends_on: [s{max(at - 1, 0)}b], links: [s{at}b]}}\n  s{at}b: {{image: i}}\n"
        for at in range(2000)
    ]

    assert 4001 == len(ids(tree("services:\n" + "".join(lines))))
