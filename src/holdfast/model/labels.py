"""What people say of a job for themselves: tags and metadata. Holdfast only keeps them, and finds jobs by them."""

from collections.abc import Iterable, Mapping
from typing import cast

from holdfast.errors import InvalidOption
from holdfast.model.jsontext import dump_json
from holdfast.model.text import check_name, shown

MOST_TAGS = 100


def check_tags(value: object) -> str | None:
    """Tags as a row holds them: names, each once; InvalidOption for anything else."""
    given = cast("Iterable[object]", value)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidOption(f"tags must be a list of names, not {shown(given)}")
    tags = list(dict.fromkeys(check_name(tag, "a tag") for tag in given))
    if len(tags) > MOST_TAGS:
        raise InvalidOption(f"a job has at most {MOST_TAGS} tags, not {len(tags)}")
    return dump_json(tags, "tags") if tags else None


def check_metadata(value: object) -> str | None:
    """Metadata as a row holds it: a JSON object; InvalidOption for anything else."""
    if not isinstance(value, Mapping):
        raise InvalidOption(f"metadata must be a mapping, not {shown(value)}")
    given = dict(cast("Mapping[object, object]", value))
    for key in given:
        if not isinstance(key, str):
            raise InvalidOption(f"metadata must have text as keys, not {shown(key)}")
    return dump_json(given, "metadata") if given else None
