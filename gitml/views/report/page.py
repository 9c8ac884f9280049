"""The page around a report: one file, its styles and scripts inside, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec

from gitml.operations.report_file import MARK
from gitml.views.report.embed import script_data
from gitml.views.report.markup import Child, Markup, join, tag


class Section(msgspec.Struct, frozen=True):
    """A part of a report.

    Attributes:
        name: Its anchor: letters and dashes, unique on the page.
        title: Heading, and line in the table of contents.
        body: What is in it; a section without is left out.
        lead: A sentence below the heading; empty for none.
    """

    name: str
    title: str
    body: Markup
    lead: str = ""


class Page(msgspec.Struct, frozen=True):
    """A report.

    Attributes:
        title: Of the window.
        kind: What stands in the bar at the top.
        head: The most important things, above all sections.
        sections: The rest.
        foot: Below everything.
        data: For the scripts.
        styles: Names of style sheets.
        scripts: Names of scripts, in their order.
        foreign: A library that draws plots, if one is needed: source text.
        evaluates: Whether that library runs code that it makes as it goes.
    """

    title: str
    kind: str
    head: Markup
    sections: tuple[Section, ...]
    foot: Markup
    data: Any
    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    foreign: str = ""
    evaluates: bool = False


def page(found: Page) -> str:
    """Return the file: the same bytes for the same report."""
    style = _style(found.styles)
    script = _script(found.scripts)
    foreign = found.foreign.replace("</script", "<\\/script")
    scripts = [source for source in (foreign, script) if source]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, scripts, found)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="generator", content=MARK),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="robots", content="noindex"),
        tag("title", found.title),
        tag("style", Markup(style)),
    )
    kept = [section for section in found.sections if section.body]
    body = tag(
        "body",
        tag("a", "Skip to the content", href="#content", class_="skip"),
        _bar(found.kind),
        tag(
            "div",
            _contents(kept),
            tag("main", found.head, *map(_section, kept), id="content", tabindex=-1),
            tag("footer", found.foot),
            class_="sheet",
        ),
        script_data(found.data),
        *(tag("script", Markup(source)) for source in scripts),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _policy(style: str, scripts: Sequence[str], found: Page) -> str:
    """Return what the page may do: run and show what is inside of it, and load nothing."""
    # The library that draws plots writes styles as it goes. They can't load anything either.
    styles = "'unsafe-inline'" if found.foreign else _hash(style)
    sources = [*map(_hash, scripts), *(["'unsafe-eval'"] if found.evaluates else [])]
    rules = [
        "default-src 'none'",
        f"style-src {styles}",
        f"script-src {' '.join(sources)}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    if not found.foreign:
        rules.append("require-trusted-types-for 'script'")
    return "; ".join(rules)


def _hash(source: str) -> str:
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def asset(name: str) -> str:
    """Return the text of a file that is shipped with this package."""
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _style(names: Sequence[str]) -> str:
    dark = asset("dark.css")
    themes = (
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}"
        f"@media screen and (prefers-color-scheme:dark)"
        f"{{:root:not([data-theme=light]){{{dark}}}}}"
    )
    return "".join(asset(name) for name in names) + themes


def _script(names: Sequence[str]) -> str:
    """Return the scripts as one function, so that their names are nobody else's."""
    text = "\n".join(asset(name) for name in names)
    return f'(() => {{\n"use strict";\n{text}}})();\n'


def _bar(kind: str) -> Markup:
    return tag(
        "header",
        tag("span", tag("b", "gitml"), " ", kind, class_="kind"),
        tag("button", "Dark", type="button", id="theme", hidden=True, aria_pressed="false"),
        class_="bar",
    )


def _contents(sections: Sequence[Section]) -> Markup | None:
    if len(sections) < 2:
        return None
    lines = (tag("li", tag("a", part.title, href=f"#{part.name}")) for part in sections)
    return tag("nav", tag("ol", join(lines)), aria_label="Contents", class_="contents")


def _section(found: Section) -> Markup:
    lead: Child = tag("p", found.lead, class_="about") if found.lead else None
    return tag(
        "section",
        tag("h2", found.title, id=f"{found.name}-title"),
        lead,
        found.body,
        id=found.name,
        aria_labelledby=f"{found.name}-title",
    )
