"""What shells complete for trued: verbs, options, and files where a file is asked for. Pure: verbs in, text out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verbs import Option, Verb

FOLDER = "DIR"
PATHS = ("FILE", FOLDER)  # what an option or operand is called that takes a path
MADE = "# Made from the command itself by scripts/lib/manual.py."


def bash(said: Sequence[Verb]) -> str:
    """Return a script for bash-completion, which finds it by its name."""
    valued = sorted(
        {name for verb in said for option in verb.options if option.takes for name in option.names}
    )
    paths = sorted(
        {name for verb in said for option in verb.options if option.takes in PATHS for name in option.names}
    )
    lines = [
        MADE,
        "_trued() {",
        '    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} said="" i',
        "    COMPREPLY=()",
        '    case "$before" in',
        f'        {"|".join(paths)}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;',
        f"        {'|'.join(valued)}) return ;;",
        "    esac",
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        '        case "${COMP_WORDS[i]}" in',
        f"            {'|'.join(valued)}) ((i++)) ;;",
        "            -*) ;;",
        '            *) said="$said ${COMP_WORDS[i]}" ;;',
        "        esac",
        "    done",
        '    case "$said" in',
        *(line for verb in sorted(said, key=lambda verb: -len(verb.words)) for line in _bash_case(verb)),
        "    esac",
        "}",
        "complete -F _trued trued",
    ]
    return "\n".join(lines) + "\n"


def _bash_case(verb: Verb) -> Iterator[str]:
    """Yield what may follow these words: options behind a dash, else the next verb, a folder, or nothing."""
    pattern = '""' if not verb.words else f'" {" ".join(verb.words)}"{"" if verb.next else "*"}'
    options = " ".join(name for option in verb.options for name in option.names)
    yield f"        {pattern})"
    yield f"            if [[ $word == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '{options}' -- \"$word\")"
    if verb.next:
        words = " ".join(name for name, _ in verb.next)
        yield f"            else mapfile -t COMPREPLY < <(compgen -W '{words}' -- \"$word\")"
    elif any(name == FOLDER for name, _ in verb.operands):
        yield '            else mapfile -t COMPREPLY < <(compgen -d -- "$word")'
    yield "            fi ;;"


def zsh(said: Sequence[Verb]) -> str:
    """Return a function for a folder of zsh's fpath."""
    lines = ["#compdef trued", MADE]
    for verb in said:
        lines += [f"{_function(verb)}() {{", *_zsh_body(verb), "}"]
    return "\n".join([*lines, '_trued "$@"']) + "\n"


def _function(verb: Verb) -> str:
    return "_" + "_".join(("trued", *verb.words))


def _zsh_body(verb: Verb) -> Iterator[str]:
    yield "    local line state" if verb.next else "    :"
    yield "    _arguments -C \\" if verb.next else "    _arguments \\"
    specs = [spec for option in verb.options for spec in _zsh_option(option)]
    if verb.next:
        specs += ["'1: :->verb'", "'*:: :->rest'"]
    else:
        specs += [f"'{place}:{name}:{_zsh_files(name)}'" for place, (name, _) in enumerate(verb.operands, 1)]
    yield " \\\n".join(f"        {spec}" for spec in specs)
    if verb.next:
        yield "    case $state in"
        words = " ".join(f"'{name}:{_plain(says)}'" for name, says in verb.next)
        yield f"        verb) local -a verbs; verbs=({words}); _describe verb verbs ;;"
        yield f"        rest) (( $+functions[{_function(verb)}_$line[1]] )) && {_function(verb)}_$line[1] ;;"
        yield "    esac"


def _zsh_option(option: Option) -> Iterator[str]:
    value = f":{option.takes}:{_zsh_files(option.takes)}" if option.takes else ""
    for name in option.names:
        yield f"'{name}[{_plain(option.says)}]{value}'"


def _zsh_files(name: str) -> str:
    return {"FILE": "_files", FOLDER: "_files -/"}.get(name, " ")


def fish(said: Sequence[Verb]) -> str:
    """Return a file for one of fish's folders of completions."""
    lines = [MADE, "complete -c trued -f"]
    lines += [_fish_option(option, "") for option in said[0].options]
    for verb in said:
        lines += _fish_verb(verb, {option.names for option in said[0].options})
    return "\n".join(lines) + "\n"


def _fish_verb(verb: Verb, common: set[tuple[str, ...]]) -> Iterator[str]:
    seen = " and ".join(f"__fish_seen_subcommand_from {word}" for word in verb.words).replace(
        " and ", "; and "
    )
    if verb.next:
        names = " ".join(name for name, _ in verb.next)
        when = "; and ".join(filter(None, (seen, f"not __fish_seen_subcommand_from {names}")))
        for name, says in verb.next:
            yield f"complete -c trued -n '{when}' -a {name} -d '{_plain(says)}'"
    if any(name == FOLDER for name, _ in verb.operands):
        yield f"complete -c trued -n '{seen}' -a '(__fish_complete_directories)'"
    for option in verb.options if verb.words else ():
        if option.names not in common:
            yield _fish_option(option, seen)


def _fish_option(option: Option, when: str) -> str:
    spelt = " ".join(
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names
    )
    takes = "" if not option.takes else " -r -F" if option.takes in PATHS else " -x"
    condition = f" -n '{when}'" if when else ""
    return f"complete -c trued{condition} {spelt}{takes} -d '{_plain(option.says)}'"


def _plain(text: str) -> str:
    """Without what any of the shells would take for its own between single quotes or in a description."""
    for bad, good in (("'", "’"), ("[", "("), ("]", ")"), (":", ","), ("\\", "/")):
        text = text.replace(bad, good)
    return text
