"""Small values as Compose writes them: what is read, and what is told of what cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.kinds._service.images import PullPolicy, Reference
from agent.kinds._service.ports import Exposed, Port, ShortPort
from agent.kinds._service.values import Bits, Cpus, Mac, Pair, Signal, Size, Span, Whole, Words, split


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("64m", 64 << 20),
        ("64M", 64 << 20),
        ("1gb", 1 << 30),
        ("1.5 GiB", 3 << 29),
        ("2kb", 2048),
        ("10b", 10),
        ("-1", -1),
        ("9007199254740993", 2**53 + 1),
    ],
)
def test_a_size_is_a_number_of_bytes(text: str, size: int) -> None:
    assert size == Size.parse(text)


@pytest.mark.parametrize("text", ["", "m", "-2", "-1m", "1x", "1 2", "1..5m", "lots", "99999p"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="bytes"):
        Size.parse(text)


@given(st.integers(0, 8000), st.sampled_from("kmgtp"), st.sampled_from(["", "b", "ib"]))
def test_any_size_with_a_unit_is_so_many_times_1024(number: int, unit: str, end: str) -> None:
    assert number * 1024 ** (" kmgtp".index(unit)) == Size.parse(f"{number}{unit}{end}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("500ms", 0.5),
        ("30s", 30),
        ("1m30s", 90),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1w2d", 777600),
        ("100us", 1e-4),
    ],
)
def test_a_span_is_read_as_go_writes_it(text: str, seconds: float) -> None:
    assert seconds == Span.parse(text).seconds


@pytest.mark.parametrize("text", ["", "30", "s", "1 h", "1h30", "-5s", "1y", "one hour", "300000w"])
def test_what_is_no_span_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Span.parse(text)


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(list(Span.UNITS))), min_size=1, max_size=5))
def test_a_span_is_the_sum_of_its_parts(parts: list[tuple[int, str]]) -> None:
    whole = sum(number * Span.UNITS[unit] for number, unit in parts)

    assert whole == Span.parse("".join(f"{number}{unit}" for number, unit in parts))


@pytest.mark.parametrize(
    ("text", "nanos"), [("0.5", 5 * 10**8), ("2", 2 * 10**9), (".1", 10**8), ("0.07", 7 * 10**7)]
)
def test_processors_are_exact(text: str, nanos: int) -> None:
    assert nanos == Cpus.parse(text)


@pytest.mark.parametrize("text", ["", "-1", "1.", "half", "1e3"])
def test_what_is_no_number_of_processors_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="processors"):
        Cpus.parse(text)


@pytest.mark.parametrize(
    ("text", "mode"), [("1777", 0o1777), ("0755", 0o755), ("0o700", 0o700), ("01777", 0o1777)]
)
def test_permissions_are_octal_in_any_spelling(text: str, mode: int) -> None:
    assert mode == Bits.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  ", []),
        ("nginx -g 'daemon off;'", ["nginx", "-g", "daemon off;"]),
        ('sh -c "a | b > c"', ["sh", "-c", "a | b > c"]),
        (r"a\ b \'c", ["a b", "'c"]),
        ("a'b'\"c\"", ["abc"]),
        ("a ''", ["a", ""]),
        ("echo # no", ["echo", "#", "no"]),
        ("'a\\b'", ["a\\b"]),
        ("$HOME", ["$HOME"]),
    ],
)
def test_a_command_is_split_into_words(text: str, words: list[str]) -> None:
    assert words == split(text)


@pytest.mark.parametrize("text", ["a; b", "a | b", "a && b", "a > b", "(a)", "a 'b", 'a "b', "a \\"])
def test_a_command_that_only_a_shell_could_read_is_told(text: str) -> None:
    """Compose would run the words before the sign, and say nothing."""
    with pytest.raises(ValueError, match=r"no shell reads this|expected"):
        Words.parse(text)


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=8), max_size=5))
def test_any_words_come_back_from_single_quotes(words: list[str]) -> None:
    line = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)

    assert words == split(line)


def test_a_variable_in_a_list_has_a_name_and_maybe_a_value() -> None:
    assert [Pair("A", "b=c"), Pair("A", ""), Pair("A", None)] == [
        Pair.parse(text) for text in ("A=b=c", "A=", "A")
    ]


@pytest.mark.parametrize("text", ["=hunter2", "A =hunter2", " A=hunter2"])
def test_what_is_no_variable_is_told_without_its_value(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        Pair.parse(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "signal"), [("SIGHUP", "SIGHUP"), ("HUP", "SIGHUP"), ("1", "1"), ("SIGRTMIN+3", "SIGRTMIN+3")]
)
def test_a_signal_has_one_spelling(text: str, signal: str) -> None:
    assert signal == Signal.parse(text)


@pytest.mark.parametrize("text", ["", "hup", "0", "65", "SIG HUP", "100"])
def test_what_is_no_signal_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="signal"):
        Signal.parse(text)


def test_a_mac_address_has_one_spelling() -> None:
    assert "02:42:ac:11:00:0f" == Mac.parse("02-42-AC-11-00-0F")
    with pytest.raises(ValueError, match="MAC"):
        Mac.parse("02:42")


@pytest.mark.parametrize("text", ["one", "", "1.5", "1 "])
def test_what_is_no_whole_number_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="whole"):
        Whole.parse(text)


def ports(text: str) -> list[str]:
    return [str(port) for port in ShortPort.parse(text).ports]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", ["80/tcp"]),
        ("8080:80", ["8080:80/tcp"]),
        ("127.0.0.1:8080:80", ["127.0.0.1:8080:80/tcp"]),
        ("127.0.0.1::80", ["127.0.0.1::80/tcp"]),
        ("[::1]:8080:80/UDP", ["[::1]:8080:80/udp"]),
        ("3000-3002", ["3000/tcp", "3001/tcp", "3002/tcp"]),
        ("8000-8001:80-81/sctp", ["8000:80/sctp", "8001:81/sctp"]),
        ("9000-9010:90", ["9000-9010:90/tcp"]),
    ],
)
def test_a_short_port_is_one_or_more_long_ones(text: str, expected: list[str]) -> None:
    assert expected == ports(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http",
        "80:",
        "1:2:3:4",
        "0",
        "8080:0",
        "70000:80",
        "80/icmp",
        "90-80",
        "1-2:3-5",
        "1.2.3:80:80",
        "::1:80:80",
    ],
)
def test_what_is_no_port_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        ShortPort.parse(text)


@given(st.integers(1, 65000), st.integers(1, 65000), st.integers(0, 30))
def test_ranges_of_one_length_go_together(host: int, target: int, more: int) -> None:
    found = ShortPort.parse(f"{host}-{host + more}:{target}-{target + more}").ports

    assert [(str(host + n), target + n) for n in range(more + 1)] == [
        (one.published, one.target) for one in found
    ]


def test_a_range_of_the_host_for_one_port_is_left_to_the_engine() -> None:
    assert {"HostIp": "", "HostPort": "9000-9010"} == ShortPort.parse("9000-9010:90").ports[0].binding


def test_the_long_form_is_checked_likewise() -> None:
    with pytest.raises(ValueError, match="1 to 65535, got 0"):
        Port(target=Whole(0))
    with pytest.raises(ValueError, match="a port or a range"):
        Port(target=Whole(80), published="any")


def test_exposed_ports_may_be_ranges() -> None:
    assert ("80/udp", "81/udp") == Exposed.parse("80-81/udp").keys
    with pytest.raises(ValueError, match="expected"):
        Exposed.parse("80:80")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("nginx", "nginx:latest"),
        ("nginx:1.25", "nginx:1.25"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
        ("registry.example.com/web@sha256:" + "a" * 64, "registry.example.com/web@sha256:" + "a" * 64),
        ("[2001:db8::1]:5000/web:x", "[2001:db8::1]:5000/web:x"),
    ],
)
def test_an_image_has_a_tag_or_a_digest(text: str, whole: str) -> None:
    assert whole == Reference.parse(text).whole


@pytest.mark.parametrize(
    "text", ["", "nginx:", "Nginx", "a b", "https://x/y", "nginx@sha256:12", "x" * 1025]
)
def test_what_is_no_image_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected an image"):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("never", None),
        ("missing", -1),
        ("if_not_present", -1),
        ("always", 900),
        ("daily", 86400),
        ("every_1h30m", 5400),
    ],
)
def test_a_pull_policy_says_when_a_registry_is_asked_again(text: str, age: float | None) -> None:
    assert age == PullPolicy.parse(text).age


@pytest.mark.parametrize("text", ["build", "sometimes", "every_", "every_0", "refresh", ""])
def test_what_is_no_pull_policy_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        PullPolicy.parse(text)
