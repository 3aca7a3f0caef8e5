"""
Real container engines: a dockerd and a Podman of one's own, with a registry, in a cell of this machine (cell.py).

Fixtures (tests/engine/fixtures.py; every test may ask for them, and is thereby in the layer `engine`):

    docker    a dockerd that runs, with the images of images.STOCK and nothing else: `Docker`. One for each worker of a run;
              before and after a test its containers, networks, volumes and other images are removed, and it runs again
    podman    the same of Podman, by the same API: `Podman`
    engine    both, one after the other: the test runs twice; engine.name says which it is
    box       the name of an image that is there: a busybox, httpd on port 80 by default
    registry  an empty registry with TLS and a password: `Registry`
    fleet     a host that trued keeps true, with `docker`: `Fleet`; fleet_of(engine, registries=registry.access) makes
              one with another engine, or with further keys of agent.yaml
    cell      where all of that is: cell.get("http://127.0.0.1:8080/") reaches what a container publishes

    def test_it(fleet: Fleet, docker: Docker, box: str) -> None:
        fleet.declare({"containers": {"web": {"image": box, "ports": ["8080:80"]}}})    # base/base.yaml, pushed
        fleet.apply()                                                       # trued apply --json; asserts exit 0
        assert docker.api.inspect_container("web")["State"]["Running"]

`Docker`   .api (docker.APIClient) .socket .running .log; start() stop() kill() restart() freeze() thaw(); load(Image(…))
`Podman`   .api .socket .running .log; start() stop() kill() restart(); load(Image(…))
`Registry` .host .faulty .plain .credentials .access .password_file .faults.fault = Fault(hang=True); push(docker.api, box, "web:1")
           -> digest; then f"{registry.host}/web:1" can be pulled; digest("web:1") delete("web:1")
`Image`    Image(name="trued-test/box:3", mark="3", config={"Healthcheck": {…}}); images.STOCK: box:1, :2, :well and :ill
           (with a health check that succeeds, fails)
`Fleet`    (tests/fleet.py) declare(state) apply(code=0) plan() run(*words) trued(*words, code=) json(*words) report() reports();
           process(*words) -> Popen; with service() as service: service.look() .said() .kill()
`Cell`     get(url) inside(function) path("/etc/…") processes() start(*argv, log=)

The files of tests/compose: composed.py declares one and has docker-compose bring it up, older.py tells in what the two differ.

Images named trued-test/… stay for all tests of a run; others are removed after each. An image is stopped by SIGKILL, at once,
unless a container declares another signal. Limits are real: controllers of cgroup v1. Nothing leads out of the cell.
Podman's containers are healthy or not only when somebody asks (GET /libpod/containers/NAME/healthcheck): by itself it takes
systemd's timers. Its names of images begin with localhost/, its pull of an image that is not there is another error.

What takes more than ten seconds is marked `slow`, and starts first. Engines to look around in: `python -m tests.engine`.
"""
