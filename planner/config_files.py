"""Reads what people write: runs, programmes, models. Bounded, without aliases, every error with its place."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from planner.catalog.instance_network import with_instance_network
from planner.catalog.load import Catalog
from planner.dialects.model_config import kind_of, read_model_config
from planner.domain import Frozen
from planner.domain.model_spec import ModelSpec
from planner.domain.programme import Programme
from planner.domain.run_config import RunConfig
from planner.errors import ConfigError, InputError, UnknownNameError

MAX_FILE_BYTES = 1_000_000
MAX_NUMBER = 1e18
"""No quantity of a run comes near it: a larger number is a slip, and would overflow further on."""
MODEL_SUFFIXES = (".json", ".yaml", ".yml")
MODEL_FILE = "config.json"
MAX_MISTAKES = 12
"""Mistakes listed in one message."""

Type = TypeVar("Type", bound=Frozen)


class _StrictLoader(yaml.SafeLoader):
    """YAML without aliases (they can blow up) and without doubled keys (the last would win in silence)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            first = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True))
            doubled = next(position for position, key in enumerate(keys) if first[key] < position)
            mark = node.value[doubled][0].start_mark
            raise yaml.constructor.ConstructorError(None, None, f"the key {keys[doubled]!r} is given twice", mark)
        return mapping

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d[\d_]*(\.[\d_]*)?[eE][-+]?\d+$"), list("-+0123456789")
)
"""``4e7`` is a number, as in YAML 1.2."""


def _parse(text: str) -> Any:
    """The value of a YAML text; a ``ValueError`` that says in one line what is wrong with it."""
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader, only stricter)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _read_text(path: Path, way_out: str) -> str:
    """A text file of bounded size; ``way_out`` says what to do where there is none."""
    try:
        with path.open("rb") as file:
            read = file.read(MAX_FILE_BYTES + 1)
        if len(read) > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes; this is no configuration file")
        return read.decode("utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file. {way_out}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as text: {error}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; a ``ConfigError`` with line and column where it is none."""
    text = _read_text(path, "`foretune init` writes a commented foretune.yaml and run.yaml")
    try:
        content = _parse(text)
    except ValueError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if content is None:
        raise ConfigError(f"{path}: is empty. `foretune init` writes a commented foretune.yaml and run.yaml")
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
            value = _parse(text)
        except ValueError as error:
            raise ConfigError(f"--set {setting!r:.200}: the value is not valid YAML: {error}") from error
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
        if slips := tuple(_slips(row_type, content)):
            raise _mistakes(origin, slips)
        return row_type.model_validate(content, context={"catalog": catalog})
    except UnknownNameError as error:
        raise ConfigError(f"{origin}: {error}") from error
    except ValidationError as error:
        details = _without_echoes(error.errors(include_url=False))
        lines = [_explain(row_type, dict(detail)) for detail in details[:MAX_MISTAKES]]
        raise _mistakes(origin, lines, len(details) - len(lines)) from error


def _without_echoes(details: Sequence[ErrorDetails]) -> Sequence[ErrorDetails]:
    """Without 'too few entries' where the entries are there and have mistakes of their own."""
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(other["loc"][: len(detail["loc"])] == detail["loc"] for other in details if other is not detail)
    ]


def _mistakes(origin: str, lines: Sequence[str], num_more: int = 0) -> ConfigError:
    if len(lines) == 1:
        return ConfigError(f"{origin}: {lines[0]}")
    shown = (*lines[:MAX_MISTAKES], *((f"and {num_more} more",) if num_more else ()))
    return ConfigError(f"{origin}:" + "".join(f"\n  {line}" for line in shown))


def _slips(row_type: type[BaseModel], content: Any, location: tuple[str | int, ...] = ()) -> Iterator[str]:
    """What a type would take in silence: yes and no where a number belongs, and numbers beyond every run."""
    place = ".".join(map(str, location))
    if isinstance(content, Mapping | list):
        for key, value in content.items() if isinstance(content, Mapping) else enumerate(content):
            yield from _slips(row_type, value, (*location, key))
    elif isinstance(content, bool):
        if _takes_numbers_only(row_type, location):
            yield f"{place}: must be a number (given: {str(content).lower()})"
    elif isinstance(content, int | float) and MAX_NUMBER < abs(content) < math.inf:
        yield f"{place}: must be at most {MAX_NUMBER:.0e} (given: {content!s:.40})"


def _takes_numbers_only(row_type: type[BaseModel], location: tuple[str | int, ...]) -> bool:
    owner = _owner(row_type, location[:-1])
    field = owner.model_fields.get(str(location[-1])) if location else None
    leaves = set(_leaves(field.annotation)) if field else set()
    return bool not in leaves and not leaves.isdisjoint({int, float})


def _leaves(annotation: Any) -> Iterator[type]:
    arguments = get_args(annotation)
    for argument in arguments:
        yield from _leaves(argument)
    if not arguments:
        yield annotation if isinstance(annotation, type) else type(annotation)


def _explain(row_type: type[BaseModel], detail: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = _owner(row_type, detail["loc"][:-1]).model_fields
        return str(UnknownNameError.among("key", place, [*known], "")).replace("known are", "it takes").strip()
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = detail.get("input")
    printable = isinstance(given, str | int | float | bool) and "://" not in str(given)
    shown = f" (given: {given!r:.80})" if printable and repr(given) not in message else ""
    return f"{place}: {message}{shown}" if place else message


def _owner(row_type: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel]:
    """The type that holds the fields at a place."""
    here: type[BaseModel] = row_type
    for part in location:
        if isinstance(part, str) and part in here.model_fields:
            here = _model_inside(here.model_fields[part].annotation) or here
    return here


def _model_inside(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _model_inside(argument))), None)


def _is_model_path(value: str, folder: Path, catalog: Catalog) -> bool:
    """Whether ``model: value`` means a file or folder: by its form, or because it is there and no model's name."""
    if value.endswith(MODEL_SUFFIXES) or value.startswith(("./", "../", "/", "~/")):
        return True
    key = value.strip().lower()
    try:
        return key not in catalog.models and key not in catalog.model_by_hub_id and (folder / value).is_dir()
    except (OSError, ValueError):
        return False


def _read_model_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(
            f"{path}: no such file: give a model's {MODEL_FILE}, the folder that holds it, or a name that "
            "`foretune catalog models` lists"
        )
    if path.suffix != ".json":
        return read_yaml(path)
    try:
        content = json.loads(_read_text(path, ""))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must hold keys and values, found {type(content).__name__}")
    return content


def _read_model(given: Any, folder: Path, catalog: Catalog, origin: str) -> ModelSpec | None:
    """The model of a configuration, given by its path or itself; None for a name and for foretune's own dimensions."""
    if isinstance(given, Mapping) and kind_of(given) is not None:
        return read_model_config(given, name="model", place=f"in {origin}", catalog=catalog)
    if not isinstance(given, str) or not _is_model_path(given, folder, catalog):
        return None
    path = folder / Path(given).expanduser()
    path = path / MODEL_FILE if path.is_dir() else path
    name = path.resolve().parent.name if path.name == MODEL_FILE else path.stem
    content = _read_model_file(path)
    try:
        return read_model_config(content, name=name or "model", place=given, catalog=catalog)
    except InputError as error:
        raise ConfigError(f"{path}: {error}") from error


def _with_model(content: dict[str, Any], folder: Path, catalog: Catalog, origin: str) -> dict[str, Any]:
    try:
        spec = _read_model(content.get("model"), folder, catalog, origin)
    except (InputError, OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{origin}: model: {error}") from error
    return content if spec is None else {**content, "model": spec}


def load_run(path: Path, catalog: Catalog, settings: Iterable[str] = ()) -> RunConfig:
    """The run in a YAML file; it is called after the file unless it names itself.

    Where it spans nodes of a provider and states no network between them, that of the provider's instances is taken.
    """
    settings = tuple(settings)
    content = override(read_yaml(path), settings)
    origin = f"{path} with --set {' '.join(settings):.200}" if settings else str(path)
    content = _with_model(content, path.parent, catalog, origin)
    return with_instance_network(validate(RunConfig, {"name": path.stem, **content}, catalog, origin), catalog)


def load_programme(path: Path, catalog: Catalog) -> Programme:
    """The programme in ``foretune.yaml``; relative run files and SQLite stores are meant from its folder."""
    content = read_yaml(path)
    updates = content.get("planned_updates")
    for position, update in enumerate(updates if isinstance(updates, list) else ()):
        run = update.get("run") if isinstance(update, dict) else None
        try:
            if isinstance(run, str):
                file = path.parent / run
                read = _with_model(read_yaml(file), file.parent, catalog, str(file))
                update["run"] = {"name": file.stem, **read}
            elif isinstance(run, dict):
                update["run"] = _with_model(run, path.parent, catalog, "this run")
        except InputError as error:
            raise ConfigError(f"{path}: planned_updates.{position}.run: {error}") from error
    programme = validate(Programme, content, catalog, str(path))
    sources = tuple(
        source.model_copy(update={"tracking_uri": _from_folder(source.tracking_uri, path.parent)})
        for source in programme.sources
    )
    prices = None if programme.prices is None else str((path.parent / programme.prices).resolve())
    planned = tuple(
        update.model_copy(update={"run": with_instance_network(update.run, catalog)})
        for update in programme.planned_updates
    )
    return programme.model_copy(update={"sources": sources, "prices": prices, "planned_updates": planned})


def _from_folder(tracking_uri: str, folder: Path) -> str:
    prefix = "sqlite:///"
    location = tracking_uri.removeprefix(prefix)
    if location == tracking_uri or location.startswith("/"):
        return tracking_uri
    return f"{prefix}{(folder / location).resolve()}"
