"""
A real Kubernetes without nodes: etcd, kube-apiserver, kube-controller-manager and kubectl 1.20.2, of Debian's source.

Fixtures (tests/kube/fixtures.py; every test may ask for them, and is thereby in the layer `kube`; none needs root):

    kube          the API server and what belongs to it: `Kube`. One for each worker of a run; before and after a test it
                  runs and answers, whatever was done to it
    namespace     the name of a fresh namespace; it is deleted after the test, and nobody waits for its end
    kubelet       who says of the pods in it that they run: `Kubelet`
    kube_fleet    a host that trued keeps true, with `kube` and no engine: `Fleet` of tests/fleet.py. Its name is `.host`, and no
                  other test has it: a new trued takes what bears its host's name for its own
    kube_fleet_of makes one with another kubeconfig or name: kube_fleet_of(kubeconfig=kube.expired(), host="edge-02",
                  limits=…); each has a repository of its own

    def test_it(kube: Kube, kube_fleet: Fleet, namespace: str, kubelet: Kubelet) -> None:
        kube_fleet.declare({"manifests": {"web": {"source": "web.yaml"}}}, {"web.yaml": text})
        with kubelet.working():                                             # what trued waits for becomes ready
            kube_fleet.apply()                                              # trued apply --json; asserts exit 0
        assert kube.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/web")["status"]["readyReplicas"] == 1
        since = kube.mark()
        kube_fleet.apply()
        assert not [write for write in kube.writes(since, by="trued") if not write.dry_run]

`Kube`     get(path) -> JSON, None for 404; request("PATCH", path, body, content_type="…") -> JSON, or RefusedError with .code
           .reason .message .said; kubectl("get", "pods", "-n", namespace, stdin="", kubeconfig=…) -> what it prints;
           cleanup(path): deleted after the test, for what is in no namespace: give that random names, too
           mark() and writes(since, by="…") -> Write(user, agent, verb, uri, .path, .dry_run): requests that were no mere
           reading, from the audit log, without those of the server and its controllers; `by` begins the User-Agent. Tests
           themselves and the kubelet are "tests.kube", kubectl is "kubectl/v1.20.2 …"
           .kubeconfig (an administrator's); kubeconfig_for("user", ["group"]) may nothing unless a role says so;
           expired() stranger(): 401; distrustful(): TLS fails. .port .authority .folder ready()
           .api .etcd .controllers: `Daemon`; start() brings back what does not run; restart() the API server alone
`Daemon`   start() stop() kill() freeze() thaw() .running .pid .log; start it in a thread that lasts: it ends with that
`Kubelet`  make_ready("web", pods=2) succeed("job") fail("job") hold_up("web", "ImagePullBackOff", "message"): waits for the
           pods of the Deployment, StatefulSet, Job or pod of that name, and says so of them; with working(): all pods of the
           namespace are ready as they appear, those of Jobs succeed; pods("web")

A namespace goes in five seconds, so tests take new ones. A start takes four seconds of a quiet machine. There are no nodes:
a DaemonSet wants no pods and is ready at once, a PVC stays Pending unless a test patches its status. There is no batch/v1
CronJob, policy/v1 or autoscaling/v2. An error of the schema is answered by 500, not 400 as newer ones do.

The programs are built once in some minutes and kept: `python -m tests.kube`; without them tests are skipped. One to look
around in: `python -m tests.kube shell`.
"""
