"""A tokenizer from its file; the library that reads it is optional."""

from collections.abc import Sequence
from pathlib import Path

from planner.errors import ConfigError


class Tokenizer:
    """The tokenizer in one ``tokenizer.json``, without padding and truncation."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer as Library

        self._library = Library.from_file(str(path))
        self._library.no_padding()
        self._library.no_truncation()

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(encoded.ids) for encoded in self._library.encode_batch_fast(list(texts))]


def open_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in ``tokenizer.json``, or in the folder of a model that holds one."""
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"--tokenizer {path}: there is no {file.name}; give a tokenizer.json or its folder")
    try:
        return Tokenizer(file)
    except ImportError as error:
        raise ConfigError("--tokenizer needs the library tokenizers: pip install 'foretune[tokenizer]'") from error
    except Exception as error:
        raise ConfigError(f"--tokenizer {file}: cannot be read as a tokenizer: {error}") from error
