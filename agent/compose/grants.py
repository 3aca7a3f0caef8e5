"""Secrets and configs that a service is granted: files of the host, mounted (08-configs.md, 09-secrets.md). Pure."""

from __future__ import annotations

import re
from typing import Final

from agent.compose.context import Context
from agent.compose.nodes import Draft, expected, is_nothing, items_of, mapping, text_of
from agent.documents.nodes import Map, Node, Place, Scalar, Seq, text_scalar
from agent.documents.problems import near
from agent.model import quoted

MODES: Final = {"secrets": "0400", "configs": "0444"}
FORMS: Final = ("file", "content", "environment")

_GRANT: Final = ("source", "target", "uid", "gid", "mode")
_MODE: Final = re.compile("0o?([0-7]{3})")
_KEY: Final = re.compile("[a-zA-Z0-9._-]{1,128}")


def secrets(context: Context, draft: Draft, path: str) -> None:
    _granted(context, "secrets", draft, path)


def configs(context: Context, draft: Draft, path: str) -> None:
    _granted(context, "configs", draft, path)


def _granted(context: Context, section: str, draft: Draft, path: str) -> None:
    node = draft.get(section)
    mounts = [
        mount
        for item, where in items_of(node, path, context.findings)
        if (mount := _mount(context, section, item, where)) is not None
    ]
    draft.drop(section)
    if node is not None and mounts:
        there = draft.get("volumes")
        before = there.items if isinstance(there, Seq) else ()
        draft.put("volumes", Seq(there.place if there else node.place, (*before, *mounts)))


def _mount(context: Context, section: str, item: Node, path: str) -> Node | None:
    grant = item if isinstance(item, Map) else mapping(item.place, {"source": item})
    key = text_of(grant.entries.get("source"))
    if not key:
        expected(item, f"a name of {section}, or a mapping with a source", path, context.findings)
        return None
    for other in grant.entries:
        if other not in _GRANT:
            message = f"unknown key{near(other, _GRANT)}"
            context.findings.add(grant.keys[other], f"{path}.{other}", message)
    if (host := _file(context, section, key, grant.entries["source"].place, path)) is None:
        return None
    _details(context, host, grant, path)
    target = text_of(grant.entries.get("target")) or key
    if not target.startswith("/"):
        target = f"/run/secrets/{target}" if section == "secrets" else f"/{target}"
    bind = mapping(item.place, {"create_host_path": False})
    mount = {"type": "bind", "source": host, "target": target}
    return mapping(item.place, {**mount, "read_only": True, "bind": bind})


def _details(context: Context, host: str, grant: Map, path: str) -> None:
    for said, key in (("uid", "owner"), ("gid", "group"), ("mode", "mode")):
        node = grant.entries.get(said)
        if node is None or is_nothing(node):
            continue
        text = text_of(node) or ""
        if said == "mode":
            found = _MODE.fullmatch(text)
            if not found:
                wanted = "a mode of three octal digits after a 0, as in 0440"
                expected(node, wanted, f"{path}.mode", context.findings)
                continue
            text = f"0{found[1]}"
        context.files.detail(host, key, text, node.place, f"{path}.{said}")


def _file(context: Context, section: str, key: str, place: Place, path: str) -> str | None:
    """Return where it is on the host; None, with a problem, if it cannot be had."""
    declared = context.secrets if section == "secrets" else context.configs
    if key not in declared.entries or not _KEY.fullmatch(key):
        message = f"there is no {quoted(key)} under {section} in this file{near(key, declared.entries)}"
        context.findings.add(place, path, message)
        return None
    node, where = declared.entries[key], f".{section}.{key}"
    given = (
        {form: node.entries[form] for form in FORMS if form in node.entries} if isinstance(node, Map) else {}
    )
    if isinstance(node, Map) and not is_nothing(node.entries.get("external")) and not given:
        what = "a secret" if section == "secrets" else "a config"
        message = f"cannot be taken: {what} that is external is kept by swarm; give it as file, content or environment"
        context.findings.add(declared.keys[key], where, message)
        return None
    if len(given) != 1:
        context.findings.add(declared.keys[key], where, f"expected one of {', '.join(FORMS)}")
        return None
    ((form, said),) = given.items()
    if (text := text_of(said)) is None:
        expected(said, "text", f"{where}.{form}", context.findings)
        return None
    if form == "file":
        return context.files.read(text, said.place, f"{where}.file", usual=MODES[section])
    content = _from_variable(context, said, text, where) if form == "environment" else said
    if content is None:
        return None
    return context.files.text(f".{section}/{key}", content, usual=MODES[section])


def _from_variable(context: Context, said: Node, name: str, path: str) -> Scalar | None:
    values = context.project.values
    if name not in values:
        message = f"unknown variable {quoted(name)}{near(name, values)}"
        context.findings.add(said.place, f"{path}.environment", message)
        return None
    return text_scalar(said.place, values[name])
