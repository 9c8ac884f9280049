"""A plot or table of several experiments: what it is, whether it changed, and by how much."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from gitml.comparison import pixels
from gitml.comparison.contents import PlotComparison
from gitml.comparison.sides import change_of
from gitml.comparison.specifications import decode, language_of
from gitml.comparison.tables import compare_tables, read_table

_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
# What may stand before the root of an SVG; nothing is tried twice, however it is made up.
_SVG = re.compile(
    rb"(?>\s+|<\?(?>.*?\?>)|<!--(?>.*?-->)|<!DOCTYPE(?>[^\[>]*)(?>\[.*?\]\s*)?>)*+<svg[\s>/]", re.S
)
_HEAD = 65_536
_BY_NAME = {
    "image": (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"),
    "svg": (".svg",),
    "vega-lite": (".vl.json",),
    "vega": (".vg.json", ".vega.json"),
    "plotly": (".plotly.json",),
    "table": (".csv", ".tsv"),
}


class Version(msgspec.Struct, frozen=True):
    """A plot as one experiment made it.

    Attributes:
        digest: What tells it from other contents that are stored the same way.
        size: Bytes; None where that isn't known.
        content: The bytes; None where they aren't at hand.
    """

    digest: str
    size: int | None = None
    content: bytes | None = None


def kind_of(content: bytes, path: str = "") -> str:
    """Return what a plot is by its content; its name is asked for tables alone, which are text.

    Returns:
        `image`, `svg`, `vega-lite`, `vega`, `plotly`, `table` or `other`.
    """
    head = content[:_HEAD]
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    if head.startswith(_IMAGES) or webp or (head[:2] == b"BM" and head[6:10] == bytes(4)):
        return "image"
    if _SVG.match(head.removeprefix(b"\xef\xbb\xbf")):
        return "svg"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return language_of(decode(content)) or "other"
    is_text = b"\0" not in head
    return "table" if is_text and kind_by_name(path) == "table" else "other"


def kind_by_name(path: str) -> str:
    """Return what a plot is by its name, where its content isn't read."""
    name = path.lower()
    return next((kind for kind, ends in _BY_NAME.items() if name.endswith(ends)), "other")


def compare(
    path: str,
    versions: Sequence[Version | None],
    *,
    contents: bool = False,
    measured: bool = True,
) -> PlotComparison:
    """Return a plot side by side.

    Args:
        path: Where it is in the last experiment that has it.
        versions: Of each experiment; None where it has none.
        contents: Whether to keep the bytes, and to draw how images differ.
        measured: Whether to look at pixels and cells at all.
    """
    read = [version.content if version else None for version in versions]
    known = [content for content in read if content is not None]
    kinds = {kind_of(content, path) for content in known} or {kind_by_name(path)}
    kind = kinds.pop() if len(kinds) == 1 else "other"
    found = PlotComparison(
        path=path,
        kind=kind,
        change=change(versions),
        contents=tuple(read) if contents else (),
        sizes=tuple(version.size if version else None for version in versions),
        note="It isn't the same kind of plot everywhere." if kinds else "",
    )
    if kind == "image" and known and measured:
        return _image(found, read, picture=contents)
    if kind == "table" and len(known) == len(read) == 2 and found.change != "same" and measured:
        return _table(found, known)
    return found


def change(versions: Sequence[Version | None]) -> str:
    """Return `added`, `removed`, `changed`, `same`, or `differs` (of several)."""
    if all(version is None or version.content is not None for version in versions):
        # What is stored in two ways has two digests.
        return change_of([version.content if version else None for version in versions])
    return change_of([version.digest if version else None for version in versions])


def _image(found: PlotComparison, read: Sequence[bytes | None], *, picture: bool) -> PlotComparison:
    if not pixels.pillow_is_there():
        note = pixels.INSTALL if found.change == "changed" else ""
        return msgspec.structs.replace(found, note=note)
    sizes = tuple(pixels.dimensions(content) if content else None for content in read)
    found = msgspec.structs.replace(found, dimensions=sizes)
    if len(read) != 2 or found.change != "changed" or read[0] is None or read[1] is None:
        return found
    difference, note = pixels.compare_pixels(read[0], read[1], picture=picture)
    return msgspec.structs.replace(found, difference=difference, note=note)


def _table(found: PlotComparison, known: Sequence[bytes]) -> PlotComparison:
    first, second = (read_table(content, found.path) for content in known)
    if first is None or second is None:
        return msgspec.structs.replace(found, note="It is no table that can be read.")
    return msgspec.structs.replace(found, table=compare_tables(first, second))
