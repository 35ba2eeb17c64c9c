"""Somebody who looks at the pages without a browser: keeps cookies, reads forms, and sends them."""

import re
from html.parser import HTMLParser

from fastapi.testclient import TestClient

HERE = "http://127.0.0.1"


class Page(HTMLParser):
    """What a page holds: forms with their fields, headings, links, and everything that a strict policy forbids."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.headings, self.links, self.forbidden, self.tables = [], [], [], [], []
        self.text, self.title = "", ""
        self.labels, self.fields, self.documents, self._document = set(), [], {}, None
        self._within, self._heading = None, False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "form":
            self.forms.append({"action": found["action"], "fields": {}})
        if tag in {"input", "textarea", "select"} and "name" in found:
            self.forms[-1]["fields"][found["name"]] = found.get("value", "")
            if found.get("type") != "hidden":
                self.fields.append(found.get("id"))
        if tag == "code" and "id" in found:
            self._document = found["id"]
            self.documents[self._document] = ""
        if tag == "label":
            self.labels.add(found["for"])
        if tag == "a":
            self.links.append(found["href"])
        if tag == "table":
            self.tables.append("")
        if tag in {"script", "style", "iframe", "object", "embed", "base", "img"} or "style" in found:
            self.forbidden.append((tag, found))
        self.forbidden += [(tag, name) for name in found if name.startswith("on")]
        if not self._heading:
            self._within = tag
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
            self._heading = True

    def handle_data(self, data):
        self.text += data
        if self._document:
            self.documents[self._document] += data
        if self._heading:
            level, said = self.headings[-1]
            self.headings[-1] = (level, said + data)
        if self._within == "title" and not self.title:
            self.title = data
        if self._within == "caption":
            self.tables[-1] += data

    def handle_endtag(self, tag):
        if tag == "code":
            self._document = None
        self._within = None
        if re.fullmatch("h[1-6]", tag):
            self._heading = False

    @property
    def unlabelled(self):
        """Fields that no label names."""
        return [each for each in self.fields if each not in self.labels]

    def form(self, action):
        """The first form that is sent to an address."""
        return next(each for each in self.forms if each["action"] == action)


class Browser:
    """One browser."""

    def __init__(self, app, *, base=HERE):
        self.client = TestClient(app, base_url=base, raise_server_exceptions=False, follow_redirects=False)

    def get(self, path):
        return self.client.get(path, headers={"Accept": "text/html"})

    def page(self, path):
        answered = self.get(path)
        assert answered.status_code == 200, answered.text
        return Page(answered.text)

    def send(self, path, fields):
        return self.client.post(path, data=fields, headers={"Accept": "text/html"})

    def sign_in(self, token):
        form = self.page("/sign-in").form("/sign-in")
        return self.send("/sign-in", {**form["fields"], "token": token})


def browser_of(world, name):
    """A browser in which somebody has signed in."""
    browser = Browser(world.app)
    answered = browser.sign_in(world.people[name].token)
    assert answered.status_code == 303, answered.text
    return browser
