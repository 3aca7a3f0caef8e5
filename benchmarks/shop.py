"""Makes the objects that benchmarks/manifests.py declares: shops of ten objects each, as somebody would write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]

SIZE = 10  # objects of a shop
IN_ONE = 100  # objects of a namespace
PAGE = 2048  # bytes of a ConfigMap's file


def write(folder: Path, owner: str, count: int) -> Path:
    """Write `count` objects, and the namespaces that they are in, as one file for each shop; return the folder."""
    folder.mkdir(parents=True)
    names = namespaces(owner, count)
    (folder / "00-namespaces.yaml").write_text(_stream(_object("v1", "Namespace", name) for name in names))
    for number in range(count // SIZE):
        every = _shop(f"shop-{number:03}", names[number * SIZE // IN_ONE])
        (folder / f"shop-{number:03}.yaml").write_text(_stream(every))
    return folder


def namespaces(owner: str, count: int) -> list[str]:
    return [f"{owner}-{number}" for number in range(-(-count // IN_ONE))]


def _stream(objects: Iterator[Object]) -> str:
    """Return objects as YAML, of which JSON is a part."""
    return "".join(f"---\n{json.dumps(one, indent=2)}\n" for one in objects)


def _object(api: str, kind: str, name: str, namespace: str = "", **more: Any) -> Object:
    within = {"namespace": namespace, "labels": {"app": name}} if namespace else {}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **within}, **more}


def _shop(name: str, within: str) -> Iterator[Object]:
    rbac, reader = "rbac.authorization.k8s.io", f"{name}-reader"
    port, labels = {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}, {"app": name}
    account = {"kind": "ServiceAccount", "name": name, "namespace": within}
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
    to = {"service": {"name": name, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": to}
    yield _object("v1", "ServiceAccount", name, within)
    yield _object("v1", "ConfigMap", name, within, data={"LOG": "info", "COLOR": "blue"})
    yield _object("v1", "ConfigMap", f"{name}-files", within, data={"index.html": "shop " * (PAGE // 5)})
    yield _object("v1", "Secret", name, within, type="Opaque", data={"password": "c3dvcmRmaXNo"})
    yield _object(f"{rbac}/v1", "Role", reader, within, rules=[rule])
    reference = {"apiGroup": rbac, "kind": "Role", "name": reader}
    yield _object(f"{rbac}/v1", "RoleBinding", reader, within, roleRef=reference, subjects=[account])
    yield _object("v1", "Service", name, within, spec={"selector": labels, "ports": [port]})
    rules = [{"host": f"{name}.example.com", "http": {"paths": [path]}}]
    yield _object("networking.k8s.io/v1", "Ingress", name, within, spec={"rules": rules})
    policy = {
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": labels}}]}],
    }
    yield _object("networking.k8s.io/v1", "NetworkPolicy", name, within, spec=policy)
    yield _object("apps/v1", "Deployment", name, within, spec=_deployed(name))


def _deployed(name: str) -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5}
    container = {
        "name": "web",
        "image": "registry.example.com/shop:1.4.2",
        "envFrom": [{"configMapRef": {"name": name}}],
        "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": "password"}}}],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": probe,
        "livenessProbe": probe,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "volumeMounts": [{"name": "files", "mountPath": "/srv", "readOnly": True}],
    }
    pod = {
        "serviceAccountName": name,
        "containers": [container],
        "volumes": [{"name": "files", "configMap": {"name": f"{name}-files"}}],
    }
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
