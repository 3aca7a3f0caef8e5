"""Bad input to the kind `manifest`: it is told in words with the way out, and whatever stands beside it converges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet import Fleet
from tests.kube.server import Kube
from tests.kube.test_manifests import deployment, settings

WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}


@pytest.fixture
def fleet(kube_fleet_of: Callable[..., Fleet], namespace: str) -> Fleet:
    """A host of a name of its own: what other tests have left belongs to others."""
    return kube_fleet_of(host=f"edge-{namespace}")


def declare(fleet: Fleet, beside: Path, *objects: dict[str, Any]) -> None:
    """Declare these objects, and a file beside them."""
    entries = {"web": {"source": "manifests/web.yaml", "wait": "0s"}}
    state = {"manifests": entries, "files": {str(beside): {"content": "here"}}}
    text = yaml.safe_dump_all(objects, allow_unicode=True)
    fleet.declare(state, {"base/manifests/web.yaml": text})


def test_what_the_server_refuses_is_told_and_stops_nothing_else(
    kube: Kube, fleet: Fleet, namespace: str, tmp_path: Path
) -> None:
    """Each of these objects is wrong in its own way; the last is sound, and so is the file beside them."""
    container = {"name": "web", "image": "web:1", "imagge": "web:2"}
    misspelt = deployment(namespace)
    misspelt["spec"]["template"]["spec"]["containers"] = [container]
    wrong = {
        "apps/Deployment/{}/misspelt": (
            misspelt,
            '.spec.template.spec.containers[name="web"].imagge: field not declared in schema; mend the manifest',
        ),
        "apps/Deployment/{}/text": (
            deployment(namespace, replicas="three"),
            ".spec.replicas: expected numeric (int or float)",
        ),
        "apps/Deployment/{}/negative": (
            deployment(namespace, replicas=-1),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0; mend the manifest",
        ),
        "apps/Deployment/{}/nothing": (
            {**deployment(namespace), "spec": None},
            "spec.selector: Required value",
        ),
        "apps/Deploymnt/{}/unknown": (
            {**deployment(namespace), "kind": "Deploymnt"},
            "the cluster knows no Deploymnt of apps/v1; declare its CustomResourceDefinition, or what brings it; or mend",
        ),
        "ConfigMap/{}/large": (
            settings(namespace, a="x" * 1_200_000),
            "Too long: must have at most 1048576 bytes; mend the manifest",
        ),
        "ConfigMap/{}/a?b#..;c": (
            settings(namespace),
            'metadata.name: Invalid value: "a?b#..;c": a lowercase RFC 1123 subdomain',
        ),
        "ConfigMap/{}/Größe": (settings(namespace), 'metadata.name: Invalid value: "Größe"'),
        "ConfigMap/{}/ümlaut": (settings(namespace, ü="x"), 'metadata.name: Invalid value: "ümlaut"'),
        "example.com/Widget/{}/never": (WIDGET, "the cluster knows no Widget of example.com/v1"),
    }
    objects = []
    for name, (object_, _) in wrong.items():
        last = name.rpartition("/")[2]
        objects.append({**object_, "metadata": {"name": last, "namespace": namespace}})
    declare(fleet, tmp_path / "beside", *objects, settings(namespace, smile="😀", empty=""))

    report = fleet.apply(code=3)

    found = report["resources"]
    for name, (_, reason) in wrong.items():
        one = found[f"manifest:{name.format(namespace)}"]
        assert "blocked" == one["result"]
        assert reason in one["reason"]
        assert one["reason"].isprintable()
    assert "here" == (tmp_path / "beside").read_text()
    data = kube.get(f"/api/v1/namespaces/{namespace}/configmaps/settings")["data"]
    assert {"smile": "😀", "empty": ""} == data


def test_three_hundred_broken_objects_are_told_in_few_words(
    fleet: Fleet, namespace: str, tmp_path: Path
) -> None:
    """What is wrong with all of them is written once, and the message of the report does not grow with them."""
    broken = [{**settings(namespace), "dta": {}} for _ in range(300)]
    for number, one in enumerate(broken):
        one["metadata"] = {"name": f"c{number}", "namespace": namespace}
    declare(fleet, tmp_path / "beside", *broken)

    said = fleet.trued("apply", code=3)

    assert 1 == said.count("field not declared in schema")
    assert len(fleet.reports()[0]) < 64_000
    assert (tmp_path / "beside").exists()


@pytest.mark.usefixtures("kube")
def test_what_is_wrong_at_load_leaves_the_last_commit_in_force(
    fleet: Fleet, namespace: str, tmp_path: Path
) -> None:
    """The commit is told to be invalid, each fault with its place; what the host holds is kept true."""
    beside = tmp_path / "beside"
    declare(fleet, beside, settings(namespace, log="info"))
    fleet.apply()
    beside.unlink()
    label = {"name": "odd", "namespace": namespace, "labels": {"\x1b[31mred\n" + "x" * 3000: 1}}
    large = {**settings(namespace, a="x" * (5 << 20)), "metadata": {"name": "large", "namespace": namespace}}
    declare(fleet, beside, settings(namespace), large, {**settings(namespace), "metadata": label})

    said = fleet.trued("apply", code=4)

    assert "has 5.0 MiB as JSON, and an API server takes at most 3 MiB; etcd by itself 1.5" in said
    lines = [line for line in said.splitlines() if "base/manifests/web.yaml:" in line]
    assert 2 == len(lines)
    assert all(line.isprintable() and len(line) < 500 for line in lines)
    assert beside.exists()
