"""Reads what people write: RUN.yaml and foretune.yaml. Bounded, without aliases, every error with its place."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from planner.catalog.load import Catalog
from planner.domain import Frozen
from planner.domain.programme import Programme
from planner.domain.run_config import RunConfig
from planner.errors import ConfigError, InputError, UnknownNameError

MAX_FILE_BYTES = 1_000_000

Type = TypeVar("Type", bound=Frozen)


class _StrictLoader(yaml.SafeLoader):
    """YAML without aliases (they can blow up) and without doubled keys (the last would win in silence)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                mark = node.value[position][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; a ``ConfigError`` with line and column where it is none."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes; this is no configuration file")
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader, only stricter)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file. `foretune init` writes a commented foretune.yaml") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text: {error}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must hold keys and values, found {type(content).__name__}")
    return content


def override(content: dict[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """``content`` with dotted ``key=value`` settings put in; values are YAML, so ``cluster.count=8`` is a number."""
    result = dict(content)
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator or not key.strip():
            raise ConfigError(f"--set {setting!r}: write key=value, for example --set micro_batch_size=4")
        try:
            value = yaml.load(text, Loader=_StrictLoader)  # noqa: S506
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {setting!r}: the value is not valid YAML") from error
        *parents, last = key.strip().split(".")
        place = result
        for parent in parents:
            inner = place.get(parent)
            place[parent] = dict(inner) if isinstance(inner, Mapping) else {}
            place = place[parent]
        place[last] = value
    return result


def validate(row_type: type[Type], content: Mapping[str, Any], catalog: Catalog, origin: str) -> Type:
    """``content`` as a domain type; names are looked up in the catalog, every mistake is listed with its place."""
    try:
        return row_type.model_validate(content, context={"catalog": catalog})
    except UnknownNameError as error:
        raise ConfigError(f"{origin}: {error}") from error
    except ValidationError as error:
        lines = [_explain(row_type, dict(detail)) for detail in error.errors(include_url=False)]
        raise ConfigError(
            f"{origin}: " + ("; ".join(lines) if len(lines) == 1 else "\n  " + "\n  ".join(lines))
        ) from error


def _explain(row_type: type[BaseModel], detail: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = _fields_at(row_type, detail["loc"][:-1])
        return str(UnknownNameError.among("key", place, [*known], "")).replace("known are", "it takes").strip()
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = detail.get("input")
    printable = isinstance(given, str | int | float | bool) and "://" not in str(given)
    shown = f" (given: {given!r:.80})" if printable and repr(given) not in message else ""
    return f"{place}: {message}{shown}" if place else message


def _fields_at(row_type: type[BaseModel], location: tuple[str | int, ...]) -> Iterable[str]:
    here: type[BaseModel] = row_type
    for part in location:
        if isinstance(part, str) and part in here.model_fields:
            here = _model_inside(here.model_fields[part].annotation) or here
    return here.model_fields


def _model_inside(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _model_inside(argument))), None)


def load_run(path: Path, catalog: Catalog, settings: Iterable[str] = ()) -> RunConfig:
    """The run in a YAML file; it is called after the file unless it names itself."""
    content = override(read_yaml(path), settings)
    return validate(RunConfig, {"name": path.stem, **content}, catalog, str(path))


def load_programme(path: Path, catalog: Catalog) -> Programme:
    """The programme in ``foretune.yaml``; relative run files and SQLite stores are meant from its folder."""
    content = read_yaml(path)
    updates = content.get("planned_updates")
    for position, update in enumerate(updates if isinstance(updates, list) else ()):
        if isinstance(update, dict) and isinstance(update.get("run"), str):
            try:
                run = read_yaml(path.parent / update["run"])
            except InputError as error:
                raise ConfigError(f"{path}: planned_updates.{position}.run: {error}") from error
            update["run"] = {"name": Path(update["run"]).stem, **run}
    programme = validate(Programme, content, catalog, str(path))
    sources = tuple(
        source.model_copy(update={"tracking_uri": _from_folder(source.tracking_uri, path.parent)})
        for source in programme.sources
    )
    return programme.model_copy(update={"sources": sources})


def _from_folder(tracking_uri: str, folder: Path) -> str:
    prefix = "sqlite:///"
    location = tracking_uri.removeprefix(prefix)
    if location == tracking_uri or location.startswith("/"):
        return tracking_uri
    return f"{prefix}{(folder / location).resolve()}"
