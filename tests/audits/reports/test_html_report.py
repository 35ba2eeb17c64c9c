import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from run_example import HOSTILE, example, measured

from audits.reports import render_html
from audits.reports.forest import forest, panels_of_update

VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})


class Reader(HTMLParser):
    """Collects tags, attributes and text, and whether every tag was closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_every_tag_is_closed_in_order():
    assert read(render_html(example())).open == []


def test_the_file_runs_nothing_and_asks_for_nothing():
    page = read(render_html(example()))

    assert not {"script", "iframe", "object", "embed", "link", "img", "form", "base"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name in {"src", "style", "action"}]
    links = [value for _, name, value in page.attributes if name == "href"]
    assert links
    assert all(link is not None and link.startswith("#") for link in links)


def test_the_policy_of_the_page_allows_its_own_style_sheet_alone():
    html = render_html(example())
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)

    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html


def test_hostile_text_is_shown_and_does_nothing():
    html = render_html(example())

    assert "<script>" not in html
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "‹U+202E›" in html
    assert any('<script>alert("x")</script>' in piece for piece in read(html).text)
    assert "{{ 7*7 }}" in html


def test_every_link_leads_to_a_place_on_the_page():
    page = read(render_html(example()))

    places = {value for _, name, value in page.attributes if name == "id"}
    assert {str(value)[1:] for _, name, value in page.attributes if name == "href"} <= places


def test_every_update_says_its_verdict_and_why():
    text = " ".join(read(render_html(example())).text)

    for update in example().updates:
        assert update.name in text
        assert update.digest in text
        assert all(reason.code in text for reason in update.verdict.reasons)


def test_a_plot_says_in_words_what_it_draws():
    (points, nats) = panels_of_update(example().updates[2])

    drawn = forest(points)

    assert [len(points.rows), len(nats.rows)] == [4, 1]
    assert drawn.count("<g>") == 4
    assert "knowledge: −24.4  (−29.1 to −19.7) points, margin −5, BLOCK" in drawn


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_number_that_is_not_finite_is_not_drawn(value):
    update = example().updates[0]
    limits = tuple(replace(limit, value=value) for limit in update.limits)

    assert panels_of_update(replace(update, limits=limits)) == ()


def test_a_plot_of_equal_numbers_still_has_an_axis():
    update = example().updates[0]
    flat = replace(update.limits[0], value=0.0, low=0.0, high=0.0, margin=0.0)

    (panel,) = panels_of_update(replace(update, limits=(flat,)))

    assert "<svg" in forest(panel)


def test_a_run_without_updates_is_a_page():
    html = render_html(replace(example(), updates=(), environment=()))

    assert "No update was judged." in html


def test_many_findings_are_folded_and_the_rest_is_counted():
    view = example()
    one = view.updates[2].findings[0]
    many = measured("behaviour/regression", findings=tuple(replace(one, subject=f"item-{n}") for n in range(500)))

    html = render_html(replace(view, updates=(replace(view.updates[2], reports=(many,)),)))

    assert "492 more findings" in html
    assert "300 further findings are in the JSON report." in html
    assert html.count("behaviour/regression/negative-flip") == 200


def test_long_text_is_cut_and_says_so():
    view = example()
    long = replace(view.updates[2].findings[0], message="a" * 5000)
    update = replace(view.updates[2], reports=(measured("behaviour/regression", findings=(long,)),))

    assert "(3000 more characters)" in render_html(replace(view, updates=(update,)))


def test_the_hostile_text_is_hostile():
    assert "<script>" in HOSTILE
