"""What a service mounts, and the files its environment comes from (05-services.md, volumes and env_file). Pure."""

from __future__ import annotations

import re
from typing import Final

from agent.compose.context import Context
from agent.compose.nodes import Draft, is_true, items_of, text_of
from agent.documents.nodes import Map, Node, Scalar, Seq, text_scalar

ENV_MODE: Final = "0600"  # what is in an environment is often a password
PROFILE_MODE: Final = "0644"

_PROFILE: Final = re.compile("(seccomp)[=:](?!unconfined$|builtin$)(.+)")


def volumes(context: Context, draft: Draft, path: str) -> None:
    node = draft.get("volumes")
    if node is None:
        return
    items = [_mount(context, item, where) for item, where in items_of(node, path, context.findings)]
    draft.put("volumes", Seq(node.place, tuple(items)))


def _mount(context: Context, item: Node, path: str) -> Node:
    if isinstance(item, Map):
        return _long(context, item, path)
    if not isinstance(item, Scalar):
        return item
    source, colon, rest = item.text.partition(":")
    if not colon:
        return item  # a volume without a name
    if source[:1] in {".", "/", "~"}:  # as isFilePath in format/volume.go of compose-go
        real = context.files.bound(source, item.place, path, make=True)
    else:
        real = context.named("volumes", source, item.place, path)
    return item if real is None else text_scalar(item.place, f"{real}:{rest}")


def _long(context: Context, item: Map, path: str) -> Node:
    source = item.entries.get("source")
    written, kind = text_of(source), text_of(item.entries.get("type"))
    if source is None or not written or kind not in {"bind", "volume"}:
        return item
    where = f"{path}.source"
    if kind == "bind":
        bind = item.entries.get("bind")
        make = bind.entries.get("create_host_path") if isinstance(bind, Map) else None
        real = context.files.bound(written, source.place, where, make=make is None or is_true(make))
    else:
        real = context.named("volumes", written, source.place, where)
    if real is None:
        return item
    draft = Draft.of(item)
    draft.put("source", text_scalar(source.place, real))
    return draft.node()


def env_file(context: Context, draft: Draft, path: str) -> None:
    """Write them as a list of what is on the host; one that need not be there, and is not, is left out."""
    node = draft.get("env_file")
    if node is None:
        return
    alone = isinstance(node, Scalar | Map)
    items = [(node, path)] if alone else items_of(node, path, context.findings)
    written = [found for item, where in items if (found := _env_file(context, item, where)) is not None]
    draft.drop("env_file")
    if written:
        draft.put("env_file", Seq(node.place, tuple(written)))


def _env_file(context: Context, item: Node, path: str) -> Node | None:
    source = item.entries.get("path") if isinstance(item, Map) else item
    if source is None or not (written := text_of(source)):
        return item
    required = item.entries.get("required") if isinstance(item, Map) else None
    optional = isinstance(required, Scalar) and required.value is False
    real = context.files.read(written, source.place, path, usual=ENV_MODE, optional=optional)
    if real is None:
        return None
    if not isinstance(item, Map):
        return text_scalar(item.place, real)
    return item._replace(entries={**item.entries, "path": text_scalar(source.place, real)})


def security_opt(context: Context, draft: Draft, path: str) -> None:
    """Put a profile of seccomp(2) in place that lies beside the file, as Compose reads it from there."""
    node = draft.get("security_opt")
    if not isinstance(node, Seq):
        return
    items = list(node.items)
    for at, (item, where) in enumerate(items_of(node, path, context.findings)):
        if not (said := _PROFILE.fullmatch(text_of(item) or "")):
            continue
        real = context.files.read(said[2], item.place, where, usual=PROFILE_MODE)
        if real is not None:
            items[at] = text_scalar(item.place, f"{said[1]}={real}")
    draft.put("security_opt", Seq(node.place, tuple(items)))


def volume_device(context: Context, volume: Draft, path: str) -> None:
    """Let a volume that is a folder beside the file be one of the host, as loader/paths.go of compose-go does."""
    options = volume.get("driver_opts")
    if text_of(volume.get("driver")) != "local" or not isinstance(options, Map):
        return
    device = options.entries.get("device")
    written = text_of(device)
    if device is None or not written or text_of(options.entries.get("o")) != "bind":
        return
    real = context.files.bound(written, device.place, f"{path}.driver_opts.device", make=True)
    if real is not None:
        changed = {**options.entries, "device": text_scalar(device.place, real)}
        volume.put("driver_opts", options._replace(entries=changed))
