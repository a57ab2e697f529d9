"""`twin tag`: names for runs that shall be kept."""

import json
from collections.abc import Sequence

from twinlib import lookup
from twinlib.cli.words import split
from twinlib.errors import UserError
from twinlib.store import tags


def tag(words: Sequence[str], as_json: bool, delete: bool) -> None:
    """List the tags, set one, or take one away."""
    named, settings = split(words)
    root = lookup.project()
    store = lookup.open_store(root, settings).path
    if delete:
        if len(named) != 1:
            raise UserError("twin tag --delete takes the name of one tag")
        tags.remove(store, named[0])
    elif not named:
        found = tags.tags(store)
        if as_json:
            print(json.dumps(found, indent=1))
        for name, fingerprint in found.items() if not as_json else ():
            print(f"{name}  {fingerprint[:12]}")
    elif len(named) > 2 or (len(named) == 1 and not settings):
        raise UserError("twin tag takes a name and a run: twin tag NAME RUN")
    else:
        record = lookup.find(named[1] if len(named) == 2 else None, root, settings)
        tags.write(store, named[0], record.fingerprint)
        print(f"{named[0]} is {record.folder.name}")
