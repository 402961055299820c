"""What all commands share: options from settings, `--json`, `--quiet`, errors and exit codes.

A command is a function with typed arguments. Those that are settings objects become an option for
each of their fields. The function returns an ``Outcome``.
"""

import errno
import functools
import inspect
import io
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from rich.console import Console, RenderableType

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.files import json_bytes
from carcinomap.progress import set_quiet
from carcinomap.settings import Settings, heading_of

INTERRUPTED = 130

WIDE = 1000  # characters of a line that is not shown in a window

# Names of slides and classes may look like Rich's markup or emoji.
_AS_IT_IS: dict[str, Any] = {"markup": False, "emoji": False}


@dataclass(frozen=True)
class Outcome:
    """What a command has to say.

    Attributes:
        data: For `--json`, or a function that returns it where that takes its time.
        text: For people.
        failed: Whether part of the work failed: exit code 1.
        notes: What a user should know besides; shown on standard error.
    """

    data: Any
    text: RenderableType
    failed: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Common:
    """The options that every command has.

    Attributes:
        seed: Seed of everything random.
        workers: Threads or processes to use; None lets the command choose.
    """

    seed: int
    workers: int | None


_COMMON: dict[str, Any] = {
    "seed": (Annotated[int, typer.Option(min=0, help="Seed of what is random.")], 0),
    "workers": (
        Annotated[
            int | None,
            typer.Option(
                min=0,
                help="Threads of each process, or slides, at once (chosen by itself).",
            ),
        ],
        None,
    ),
    "json": (
        Annotated[bool, typer.Option("--json", help="Print the result as JSON.")],
        False,
    ),
    "quiet": (
        Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars and no notes.")],
        False,
    ),
}


def command(app: typer.Typer) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Add a function to the app as a command."""

    def decorate(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        parameters = inspect.signature(function, eval_str=True).parameters
        fields = _fields(parameters)

        @functools.wraps(function)
        def run(**values: Any) -> None:
            as_json, quiet = values.pop("json"), values.pop("quiet")
            set_quiet(quiet or as_json)
            with_exit_code(lambda: _call(function, parameters, values), as_json, quiet)

        own = [p for p in parameters.values() if not _is_gathered(p.annotation)]
        options = [_option(name, field) for name, field in fields.items()]
        common = [
            _parameter(name, annotation, default)
            for name, (annotation, default) in _COMMON.items()
            if name not in fields
        ]
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own, *options, *common]]
        )
        app.command()(run)
        return function

    return decorate


def _fields(parameters: Mapping[str, inspect.Parameter]) -> dict[str, FieldInfo]:
    """Return the fields of all settings objects that a function takes.

    Raises:
        TypeError: Two options of the command would have one name.
    """
    fields: dict[str, FieldInfo] = {}
    for parameter in parameters.values():
        if _is_settings(parameter.annotation):
            own = parameter.annotation.model_fields
            twice = sorted(own.keys() & (fields.keys() | parameters.keys()))
            if twice:
                raise TypeError(f"{parameter.annotation.__name__}: there is a {twice[0]} already")
            fields |= own
    return fields


def _call(
    function: Callable[..., Outcome],
    parameters: Mapping[str, inspect.Parameter],
    values: Mapping[str, Any],
) -> Outcome:
    """Gather what typer gives into the objects that the function takes."""
    arguments: dict[str, Any] = {}
    for name, parameter in parameters.items():
        kind = parameter.annotation
        if kind is Common:
            arguments[name] = Common(values["seed"], values["workers"])
        elif _is_settings(kind):
            arguments[name] = _settings(kind, {field: values[field] for field in kind.model_fields})
        else:
            arguments[name] = values[name]
    return function(**arguments)


def _settings(kind: type[Settings], values: dict[str, Any]) -> Settings:
    try:
        return kind(**values)
    except ValidationError as error:
        problems = [
            f"--{str(fault['loc'][0]).replace('_', '-')} {fault['input']}: {fault['msg']}"
            if fault["loc"]
            else fault["msg"].removeprefix("Value error, ")
            for fault in error.errors()
        ]
        raise InputError("\n".join(problems)) from error


def _is_gathered(annotation: Any) -> bool:
    """Say whether an argument is put together from several options."""
    return annotation is Common or _is_settings(annotation)


def _is_settings(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, Settings)


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    """Turn a field of a settings object into an option."""
    default = field.get_default(call_default_factory=True)
    # What is off by itself has no option that turns it off.
    names = [f"--{name.replace('_', '-')}"] if default is False else []
    option = typer.Option(
        *names,
        help=field.description,
        rich_help_panel=heading_of(field),
        show_default=default is not False,
    )
    return _parameter(name, Annotated[field.annotation, option], default)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def with_exit_code(call: Callable[[], Outcome], as_json: bool, quiet: bool) -> None:
    """Run a command; show what it says; leave with its exit code, never with a traceback.

    Raises:
        typer.Exit: With 1 (failed), 2 (wrong usage or input) or 130 (interrupted).
    """
    _prepare_streams(as_json)
    errors = Console(stderr=True, highlight=False, soft_wrap=True, **_AS_IT_IS)
    try:
        outcome = call()
    except CarcinomapError as error:
        errors.print(f"error: {error}", style="red")
        raise typer.Exit(error.exit_code) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            _hush()
            raise typer.Exit(1) from error
        errors.print(f"error: {_explain(error)}", style="red")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as interrupt:
        errors.print(f"interrupted{f': {interrupt}' if str(interrupt) else ''}")
        raise typer.Exit(INTERRUPTED) from interrupt
    if not quiet:
        for note in outcome.notes:
            errors.print(f"note: {note}", style="yellow")
    if as_json:
        data = outcome.data() if callable(outcome.data) else outcome.data
        sys.stdout.write(json_bytes(data, indent=2).decode() + "\n")
    else:
        # In a file or a pipe nobody's window cuts the lines.
        width = None if sys.stdout.isatty() else WIDE
        Console(highlight=False, width=width, **_AS_IT_IS).print(outcome.text)
    if outcome.failed:
        raise typer.Exit(1)


def _prepare_streams(as_json: bool) -> None:
    """Let no letter that the terminal lacks end a command; JSON is UTF-8 anywhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if as_json and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


def _explain(error: OSError) -> str:
    """Say what the operating system refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" ({error.filename})" if error.filename else ""
        return f"no space left on the disk{where}"
    if isinstance(error, NotADirectoryError | FileExistsError):
        return f"{error.filename}: there is a file where a folder should be"
    return str(error)


def _hush() -> None:
    """Point standard output nowhere, so that closing it does not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
