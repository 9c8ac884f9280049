"""What a page really has in it, as a browser would read it."""

from __future__ import annotations

import base64
import hashlib
import json
from html.parser import HTMLParser
from typing import Any

VOID = {"br", "col", "hr", "img", "input", "meta"}
ADDRESSES = {
    "src",
    "href",
    "action",
    "formaction",
    "data",
    "poster",
    "srcset",
    "background",
    "cite",
    "ping",
}


class Read(HTMLParser):
    """A page: its elements, text, and what is wrong with its structure."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.wrong: list[str] = []
        self.shown: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()
        self.wrong += [f"<{name}> is never closed" for name, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if len(found) != len(attrs):
            self.wrong.append(f"<{tag}> has an attribute twice")
        self.elements.append((tag, found))
        if tag not in VOID:
            self._open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.wrong.append(f"</{tag}> doesn't close {[name for name, _ in self._open[-3:]]}")
            return
        self._open.pop()

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"a comment: {data[:80]}")

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ("", {})
        if inside[0] in self.raw and inside[1].get("type") != "application/json":
            self.raw[inside[0]].append(data)
        elif inside[0] != "script":
            self.shown.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.shown).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def policy(self) -> dict[str, list[str]]:
        named = [meta["content"] for meta in self.all("meta")
                 if meta.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
        assert len(named) == 1
        return {rule.split()[0]: rule.split()[1:] for rule in named[0].split(";")}


def data_of(text: str) -> Any:
    """Return the data that the scripts of a page get."""
    _, _, rest = text.partition('<script type="application/json" id="data">')
    return json.loads(rest.partition("</script>")[0])


def hash_of(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def assert_sound(text: str, *, foreign: bool = False) -> Read:
    """Assert what holds for every report, and return what it has."""
    text.encode("utf-8")
    page = Read(text)
    assert page.wrong == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ADDRESSES & attributes.keys():
            assert attributes[name].startswith(("data:image/", "#")), (tag, attributes[name][:99])
    assert not {"iframe", "object", "embed", "link", "base", "form"} & {
        tag for tag, _ in page.elements
    }
    assert page.policy["default-src"] == ["'none'"]
    assert page.policy["img-src"] == ["data:"]
    assert page.policy["script-src"] == [hash_of(source) for source in page.raw["script"]]
    assert page.policy["style-src"] == (
        ["'unsafe-inline'"] if foreign else [hash_of(page.raw["style"][0])]
    )
    for style in page.raw["style"]:
        assert "url(" not in style
        assert "@import" not in style
    for attributes in page.all("img"):
        assert attributes["alt"]
    for attributes in page.all("th"):
        assert attributes["scope"] in ("row", "col")
    assert len(page.all("h1")) == 1
    targets = [link["href"][1:] for link in page.all("a")]
    assert set(targets) <= set(ids)
    return page
