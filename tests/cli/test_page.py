"""The plan that docs/cli.md shows is one that trued prints."""

from __future__ import annotations

import re

from tests.cli.fleet import TOP, Box

NGINX = "user www;\\nevents {}\\nhttp {\\n  gzip off;\\n}\\n"


def test_the_plan_of_the_page(box: Box) -> None:
    """With the same host, commits apart."""
    box.push_document(
        f'files:\n  /etc/nginx.conf: {{content: "{NGINX}"}}\n  /etc/old.conf: {{content: x}}\n  /etc/hosts: {{content: x}}\n'
    )
    box.trued("apply")
    (box.root / "etc/nginx.conf").write_text("user www;\nevents {}\nhttp {\n}\n")
    (box.root / "etc/nginx.conf").chmod(0o604)
    (box.root / "etc/issue/d").mkdir(parents=True)
    box.push_document(
        f'files:\n  /etc/nginx.conf: {{content: "{NGINX}", mode: "0644"}}\n  /etc/hosts: {{content: x}}\n'
        '  /etc/motd: {content: "Welcome to berlin\\n"}\n  /etc/issue: {content: x}\n'
    )
    shown = re.search(r"\$ trued plan\n(.*?)```", (TOP / "docs/cli.md").read_text("utf-8"), re.DOTALL)

    said = box.trued("plan")

    assert shown
    assert 3 == said.code
    assert shown[1] == re.sub(r"from \w+ to \w+", "from 1a2b3c4 to 9f8e7d6", said.out)
