"""Loadstone: is an LLM training data loader right, fast, leak-free, and intact on the GPU?

The public names are loaded when they are first used, so that importing the package is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .harness.doors import check, parametrize_with_checks
    from .loaders.contract import LoaderConfig, Option, loader
    from .loaders.corpus import Corpus
    from .loaders.device_prefetcher import DevicePrefetcher
    from .loaders.traits import Traits

__version__ = "0.1.0"

_PUBLIC = {
    "Corpus": "loaders.corpus",
    "DevicePrefetcher": "loaders.device_prefetcher",
    "LoaderConfig": "loaders.contract",
    "Option": "loaders.contract",
    "Traits": "loaders.traits",
    "check": "harness.doors",
    "loader": "loaders.contract",
    "parametrize_with_checks": "harness.doors",
}
__all__ = [
    "Corpus",
    "DevicePrefetcher",
    "LoaderConfig",
    "Option",
    "Traits",
    "__version__",
    "check",
    "loader",
    "parametrize_with_checks",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
