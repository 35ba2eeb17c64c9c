"""Sentences with personal data at known places: templates filled by a faker, in many countries' forms.

Templates are split into two halves by their text, and countries into two lists that share only the United States:
what was developed on one half says nothing about the other by construction.
"""

import hashlib
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faker import Faker

DEVELOPMENT = ("en_US", "de_DE", "fr_FR", "es_ES", "sv_SE", "pl_PL", "en_AU", "nl_NL", "hu_HU")
"""Countries of the development half; the first stands for four rows in ten."""
REPORT = ("en_US", "en_GB", "it_IT", "da_DK", "fi_FI", "cs_CZ", "pt_PT", "en_CA", "de_AT", "no_NO", "hr_HR", "fr_CH")
"""Countries of the report half, weighted alike."""
_SLOT = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One sentence and what it holds."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    """Start, end and type, sorted, never overlapping."""
    template: int


def half_of(template: str) -> str:
    """Return ``development`` or ``report``, from the template's own text."""
    return ("development", "report")[hashlib.sha256(template.encode()).digest()[0] % 2]


def read_templates(path: Path, half: str) -> list[str]:
    """Return the templates of one half."""
    lines = (line.strip() for line in path.read_text("utf-8", "replace").splitlines())
    return [line for line in lines if line and half_of(line) == half]


def labelled_rows(templates: list[str], *, half: str, seed: int, rows: int) -> Iterator[Labelled]:
    """Yield ``rows`` filled sentences; the same seed yields the same ones."""
    chance = random.Random(seed)  # noqa: S311  # made-up rows, not secrets
    names = DEVELOPMENT if half == "development" else REPORT
    countries = [Faker(name) for name in names]
    for country in countries:
        country.seed_instance(chance.getrandbits(32))
    for _ in range(rows):
        which = chance.randrange(len(templates))
        country = countries[0] if chance.random() < 0.4 else chance.choice(countries[1:])
        yield _fill(templates[which], which, country, countries[0], chance)


def _fill(template: str, which: int, country: Faker, english: Faker, chance: random.Random) -> Labelled:
    template = template.replace("\\n", "\n").replace("\\,", ",").replace("\\|", "|")
    text, at, spans = "", 0, []
    for slot in _SLOT.finditer(template):
        text += template[at : slot.start()]
        type_, value = _VALUES[slot.group(1)](country, english, chance)
        spans.append((len(text), len(text) + len(value), type_))
        text += value
        at = slot.end()
    text += template[at:]
    if chance.random() < 0.05:
        text = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
    return Labelled(text=text, spans=tuple(spans), template=which)


Value = Callable[[Faker, Faker, random.Random], tuple[str, str]]


def _of(type_: str, *methods: str) -> Value:
    return lambda country, _english, chance: (type_, str(getattr(country, chance.choice(methods))()))


def _english(type_: str, method: str) -> Value:
    return lambda _country, english, _chance: (type_, str(getattr(english, method)()))


def _address(country: Faker, english: Faker, chance: random.Random) -> tuple[str, str]:
    """Return an address as a form would join it: a country's own, or its street in an international row."""
    kind = chance.random()
    if kind < 0.45:
        return "STREET_ADDRESS", country.address().replace("\n", chance.choice(["\n", ", "]))
    street, town = _street(country, chance), country.city()
    unit = f" {english.secondary_address()}" if chance.random() < 0.4 else ""
    forms = (
        f"{street}{unit}, {town}, {english.country()} {country.postcode()}",
        f"{street}{unit}\n{town}\n, {english.state_abbr()} {country.postcode()}",
        f"{street}{unit} {town} {country.postcode()}",
        f"{street}{unit}, {town}",
    )
    return "STREET_ADDRESS", chance.choice(forms)


def _street(country: Faker, chance: random.Random) -> str:
    if chance.random() < 0.6:
        return str(country.street_address()).replace("\n", ", ")
    return f"{country.building_number()} {country.street_name()}"


def _card(_country: Faker, english: Faker, chance: random.Random) -> tuple[str, str]:
    number = english.credit_card_number(card_type=chance.choice(["visa16", "mastercard", "amex", "discover"]))
    if len(number) == 16 and chance.random() < 0.3:
        number = chance.choice(" -").join(number[part : part + 4] for part in range(0, 16, 4))
    return "CREDIT_CARD", number


def _date(country: Faker, _english: Faker, chance: random.Random) -> tuple[str, str]:
    day = country.date_of_birth()
    form = chance.choice(["%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%B %d, %Y", "%d %B %Y", "%b %d %Y"])
    return "DATE_TIME", day.strftime(form)


def _person(country: Faker, _english: Faker, _chance: random.Random) -> tuple[str, str]:
    return "PERSON", f"{country.first_name()} {country.last_name()}"


def _organisation(country: Faker, english: Faker, chance: random.Random) -> tuple[str, str]:
    return "ORGANIZATION", str((english if chance.random() < 0.6 else country).company())


_NATIONS = ("American", "German", "French", "Mexican", "Kenyan", "Polish", "Norwegian", "Thai", "Canadian", "Greek")

_VALUES: dict[str, Value] = {
    "credit_card_number": _card,
    "address": _address,
    "person": _person,
    "name": _person,
    "name_male": _person,
    "name_female": _person,
    **{f"first_name{part}": _of("PERSON", "first_name") for part in ("", "_male", "_female", "_nonbinary")},
    **{f"last_name{part}": _of("PERSON", "last_name") for part in ("", "_male", "_female")},
    "prefix": lambda _c, _e, chance: ("TITLE", chance.choice(["Mr.", "Mrs.", "Ms.", "Dr.", "Miss"])),
    "prefix_male": lambda _c, _e, chance: ("TITLE", chance.choice(["Mr.", "Dr."])),
    "prefix_female": lambda _c, _e, chance: ("TITLE", chance.choice(["Mrs.", "Ms.", "Dr.", "Miss"])),
    "iban": _of("IBAN_CODE", "iban"),
    "phone_number": _of("PHONE_NUMBER", "phone_number"),
    "email": _of("EMAIL_ADDRESS", "email", "free_email", "company_email"),
    "ip_address": _of("IP_ADDRESS", "ipv4_public"),
    "url": _of("URL", "url"),
    "ssn": _english("US_SSN", "ssn"),
    "us_driver_license": lambda _c, _e, chance: (
        "US_DRIVER_LICENSE",
        chance.choice(["", "S", "K"]) + str(chance.randrange(10**8, 10**9)),
    ),
    "country": _english("LOCATION", "country"),
    "city": _of("LOCATION", "city"),
    "state_abbr": _english("LOCATION", "state_abbr"),
    "street_name": _of("STREET_ADDRESS", "street_name"),
    "building_number": _of("STREET_ADDRESS", "building_number"),
    "secondary_address": _english("STREET_ADDRESS", "secondary_address"),
    "postcode": _of("ZIP_CODE", "postcode"),
    "zipcode": _english("ZIP_CODE", "zipcode"),
    "organization": _organisation,
    "job": _english("TITLE", "job"),
    "nationality": lambda _c, _e, chance: ("NRP", chance.choice(_NATIONS)),
    "nation_woman": lambda _c, _e, chance: ("NRP", chance.choice(["German", "Frenchwoman", "Dutch woman", "Korean"])),
    "nation_plural": lambda _c, _e, chance: ("NRP", chance.choice(["Germans", "Finns", "Americans", "Koreans"])),
    "date_of_birth": _date,
    "date_time": lambda country, _e, _x: ("DATE_TIME", str(country.date_time())),
    "day_of_week": _english("DATE_TIME", "day_of_week"),
    "year": _english("DATE_TIME", "year"),
    "age": lambda _c, _e, chance: ("AGE", str(chance.randint(12, 95))),
}
