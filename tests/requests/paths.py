"""Which paths a connector's code spells, and whether they are of declared endpoints.

A path may be spelt in parts (a root, and what comes after it) and be filled in (`{}`). What fills it in is not looked
at: an endpoint named so is one the sandbox serves, or no test could pass, and one that is asked, or nothing arrives.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import ingestion.sources
from tests.requests.endpoints import ENDPOINTS

# A text that may be a path: nothing but its characters, and letters among them.
PATH = re.compile(r"(?=.*[a-z])[\w{}.:/?=&-]+")
MEDIA_TYPES = ("application/", "text/")


def paths_in_code(source: str) -> Iterator[str]:
    """The paths a connector's code spells out, whole or in part, what it fills in as `{}`."""
    root = Path(next(iter(ingestion.sources.__path__))) / source
    for file in sorted(root.rglob("*.py")) if root.is_dir() else [root.with_suffix(".py")]:
        for text in _texts(ast.parse(file.read_text(encoding="utf-8"))):
            is_path = PATH.fullmatch(text) is not None and ("/" in text or text.startswith("{}:"))
            if is_path and "://" not in text and not text.startswith(("//", *MEDIA_TYPES)):
                yield text


def _texts(module: ast.Module) -> Iterator[str]:
    """Every text of a module but docstrings; of a text with parts filled in, one text."""
    nodes = [*ast.walk(module)]
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    parts |= {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def is_covered(source: str, path: str) -> bool:
    """Whether a declared endpoint ends in a path that the code spells, or begins with it (a root)."""
    spelt = re.escape(path).replace(r"\{\}", r"[^?]+")
    whole, root = re.compile(rf"(.*/)?{spelt}" if path[0] != "/" else f".*{spelt}"), re.compile(f"{spelt}(/.*)?")
    templates = (name.partition(" ")[2].partition("?")[0] for name in ENDPOINTS.get(source, ()))
    return any(whole.fullmatch(each) or root.fullmatch(each) for each in templates)
