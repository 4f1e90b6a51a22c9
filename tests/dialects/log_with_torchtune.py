"""Logs a recipe and four steps through torchtune's own MLflow logger; run as a program of its own.

torchtune does not import with newer torchao, of which its logger uses nothing: where that is so, names of torchao stand
for nothing.
"""

import importlib
import json
import sys
import types
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

LOGGING = "torchtune.training.metric_logging"


class Nothing(types.ModuleType):
    """A module in which every name is there and does nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__class_getitem__": classmethod(lambda cls, _: cls), "__new__": _decorated})


def _decorated(_cls: type, *given: Any, **_more: Any) -> Callable[..., Any]:
    return lambda function=None, *_args, **_kwargs: function


class InsteadOfTorchao(MetaPathFinder, Loader):
    def find_spec(self, name: str, _path: Any, _target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] == "torchao" else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return Nothing(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def logging_module() -> Any:
    try:
        return importlib.import_module(LOGGING)
    except ImportError:
        for name in [name for name in sys.modules if name.partition(".")[0] in ("torchao", "torchtune")]:
            del sys.modules[name]
        sys.meta_path.insert(0, InsteadOfTorchao())
        return importlib.import_module(LOGGING)


def main() -> None:
    recipe = json.loads(sys.argv[1])
    logger = logging_module().MLFlowLogger()
    logger.log_config(importlib.import_module("omegaconf").OmegaConf.create(recipe))
    for step in range(1, 5):
        logger.log_dict({"loss": 2.0 / step, "tokens_per_second_per_gpu": 100.0, "peak_memory_alloc": 3.0}, step)
    logger.close()


if __name__ == "__main__":
    main()
