"""
Real machines: Debian 12 in systemd-nspawn with systemd as PID 1, fresh for each test in half a second.

What stands here under "fixtures" is what tests build on, and stays as it is; all else may change.

Fixtures (tests/host/machine/fixtures.py; every test may ask for them, and is thereby in the layer `machine`):

    machine   a fresh machine, booted: `Machine`
    boot      makes them: boot("edge-02", disk="512M", file_system="ext4", bindings=[Binding(source=…, place=…)], start=False);
              plain=True: without Python environment for trued; crowded=True: 300 packages more, bulk-000 to bulk-299
    managed   a fresh machine with a fleet repository, /etc/trued/agent.yaml and the checkout's own trued: `Host`
    manage    makes them: manage("edge-02", …), with what `boot` takes
    packages  a signed apt repository over http, `Repository`, with the packages of catalog.py; other_packages: another key
    forge     the Git servers of tests/servers, reached as server.test: forge.lend_https(managed), forge.lend_ssh(managed)
    network   where machines are; network.listen(port) is a socket that they reach as server.test:port

    def test_it(managed: Host) -> None:
        managed.declare({"files": {"/etc/motd": {"content": "hello"}}})     # base/base.yaml, committed and pushed
        managed.apply()                                                     # trued apply --json; asserts exit 0
        managed.machine.reboot()
        assert "hello" == managed.machine.read("/etc/motd")
        assert "nothing to do" in managed.trued("plan", code=0)

`Host`     push(files) declare(state) trued(*words, code=) json(*words) apply() plan() status() reports() configure() .machine
`Machine`  run(*words, check=True, env=, stdin=, timeout=) -> Done(stdout, stderr, code, said); popen(*words); argv(*words)
           journal(*journalctl_words) show(unit, *properties); put(path, content, mode=) read(path) exists(path) path(path)
           start(healthy=True) reboot() power_off() crash() power_cut() wait() -> End; .running .leader .plug .console
           .plug.address .plug.cut() .plug.restore()

`Repository` add_to(machine) publish(*packages) withdraw(name, version) .url .key .source .web.requests .web.fail(Fault.REFUSED)
           Package(name=, version=, control={"Depends": …}, files={path: content}, scripts={"postinst": …})

`run` is as root, without a shell and with a clean environment; as a unit of its own: run("systemd-run", "--wait", "--pipe", …).
`path`, `put` and `read` are on the machine's disk and work while it is off; not for /run and /tmp.
power_cut() needs disk=…. After `wait() is End.REBOOT` the machine is off until start(): nspawn does not start it again.
Nothing leads from a machine to the outer network; its apt knows no source until a test gives it one.
The clock and /proc/sys but /proc/sys/net are the outer machine's: the former can't be set, the latter is read-only.
CPUQuota= may be without effect; MemoryMax=, TasksMax= and accounting are real.

What takes more than ten seconds is marked `slow`, and starts first; more than five minutes needs
`@pytest.mark.timeout(SECONDS)`. A machine to look around in: `python -m tests.host.machine shell`.

Trees are made once and kept in TRUED_CACHE, by default ~/.cache/trued (tests/host/machine/cache.py).
"""
