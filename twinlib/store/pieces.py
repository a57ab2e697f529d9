"""How far a run is from each record of a store: what many identities have in common is kept, and compared, once.

The differences between two identities are those of their parts, and those of two configs are those of their first
keys. So an identity is kept as the numbers of its pieces: each first key of the config with all that it holds, and
each other part as a whole. A store of 100,000 records has few different ones of most of them.
"""

import hashlib
import json
import sqlite3
from array import array
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twinlib.identity.explain import differences_in
from twinlib.identity.fingerprint import PARTS, Identity

TABLE = "CREATE TABLE pieces (id INTEGER PRIMARY KEY, text BLOB)"
COLUMN = "pieces"  # of the table `runs`: the numbers of a record's pieces; NULL for a record without an identity
At = tuple[str, str]  # part, and first key of the config


def identity_of(folder: Path) -> dict[str, Any]:
    """What a record's `identity.json` holds; nothing if it cannot be read."""
    with suppress(OSError, ValueError):
        tree = json.loads((folder / "identity.json").read_bytes())
        if isinstance(tree, dict):
            return tree
    return {}


def split(tree: Mapping[str, Any]) -> dict[int, bytes]:
    """The pieces of what `identity.json` holds, by number; none if it is not the identity of anything."""
    if not all(isinstance(tree.get(part), dict) for part in PARTS):
        return {}
    texts = [_text(part, piece) for part in PARTS for piece in _pieces(part, tree[part])]
    return {_number(text): text for text in texts}


def packed(pieces: Mapping[int, bytes]) -> bytes | None:
    """The numbers of a record's pieces as `COLUMN` has them."""
    return array("q", pieces).tobytes() if pieces else None


def nearest(base: sqlite3.Connection, new: Identity) -> list[str]:
    """Folders of all records with an identity: fewest differences from `new` first, of equally near ones the latest.

    However many files of one input differ, they count as one.
    """
    wanted = {_at(part, piece): piece for part in PARTS for piece in _pieces(part, getattr(new, part))}
    absent = {at: len(differences_in(at[0], piece, {})) for at, piece in wanted.items()}
    equal = {_text(at[0], piece): at for at, piece in wanted.items()}
    # What a piece of a record adds to the differences from a record that has nothing at all.
    more: dict[int, int] = {}
    for number, text in base.execute("SELECT id, text FROM pieces"):
        if text in equal:
            more[number] = -absent[equal[text]]
            continue
        part, old = json.loads(text)
        at = _at(part, old)
        piece = wanted.get(at, {})
        if part == "config" and piece and _is_single(piece[at[1]]) and _is_single(old[at[1]]):
            more[number] = 0  # one value is changed, instead of added: in a sweep there are thousands of these
        else:
            more[number] = len(differences_in(part, piece, old)) - absent.get(at, 0)
    rows = base.execute(
        f"SELECT folder, {COLUMN} FROM runs WHERE {COLUMN} IS NOT NULL ORDER BY record ->> '$.created' DESC, folder"
    )
    far = [(sum(map(more.__getitem__, array("q", numbers))), folder) for folder, numbers in rows]
    return [folder for _, folder in sorted(far, key=lambda one: one[0])]


def _pieces(part: str, tree: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [{key: value} for key, value in tree.items()] if part == "config" else [tree]


def _at(part: str, piece: Mapping[str, Any]) -> At:
    return part, next(iter(piece)) if part == "config" else ""


def _is_single(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _text(part: str, piece: Mapping[str, Any]) -> bytes:
    text = json.dumps([part, piece], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="surrogatepass")


def _number(text: bytes) -> int:
    # Of a million different texts two have the same number once in ten million stores; then another record than the
    # nearest may be named, with its own differences.
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True)
