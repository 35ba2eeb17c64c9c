"""Personal data that has a form, searched on a page of many texts at once.

Order: what any text could hold (e-mail, links), then, where there is a digit, numbers, telephones and addresses, and
last what is no personal data by itself. Overlapping matches are the caller's to settle.
"""

from collections.abc import Iterator

from gatekeeper.gates.data.personal.checked_numbers import checked_numbers
from gatekeeper.gates.data.personal.details import details
from gatekeeper.gates.data.personal.explained_codes import explained_codes
from gatekeeper.gates.data.personal.internet_names import internet_names
from gatekeeper.gates.data.personal.jobs import jobs
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page, page_of
from gatekeeper.gates.data.personal.places import places
from gatekeeper.gates.data.personal.street_addresses import street_addresses
from gatekeeper.gates.data.personal.telephones import telephones


def structured_pii(text: str, *, with_details: bool = False) -> Iterator[PiiMatch]:
    """Yield every match in one text."""
    for _, match in structured_on(page_of([[text]]), with_details=with_details):
        yield match


def structured_on(page: Page, *, with_details: bool) -> Iterator[tuple[int, PiiMatch]]:
    """Yield which text of the page holds each match, and the match with offsets into that text."""
    yield from page.of_text(_forms(page))
    if with_details:
        yield from page.of_text(details(page))
        yield from page.of_text(places(page))
        yield from page.of_text(jobs(page))


def _forms(page: Page) -> Iterator[PiiMatch]:
    yield from internet_names(page)
    yield from checked_numbers(page)
    yield from telephones(page)
    yield from street_addresses(page)
    yield from explained_codes(page)
