"""The types of personal data, and what the disclosure of each does to a person.

Type names are Presidio's where it has one. Law: every type that a recogniser yields has a class here.
"""

from dataclasses import dataclass
from enum import StrEnum


class PiiClass(StrEnum):
    """What the disclosure of a type does to a person."""

    HIGH_RISK = "high_risk"
    """Enough for fraud: cards, bank accounts, identity numbers, passports."""
    CONTACT = "contact"
    """Reaches or finds the person: e-mail, telephone, street address, internet address."""
    PERSON = "person"
    """A name by itself, often a public figure's or a character's."""
    DETAIL = "detail"
    """Says something about a person, or about nobody: a town, a date, an age. Ordinary text is full of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiMatch:
    """One recognised piece of one text."""

    type: str
    start: int
    end: int
    score: float
    """How sure the recogniser is, 0 to 1."""


_HIGH_RISK = (
    "AU_TFN",
    "BANK_ACCOUNT",
    "BR_CPF",
    "CA_SIN",
    "CN_RESIDENT_ID",
    "CREDIT_CARD",
    "CRYPTO",
    "DE_TAX_ID",
    "ES_NIE",
    "ES_NIF",
    "FI_PERSONAL_IDENTITY_CODE",
    "FR_NIR",
    "IBAN_CODE",
    "IN_AADHAAR",
    "IN_PAN",
    "IT_FISCAL_CODE",
    "KR_RRN",
    "MEDICAL_RECORD",
    "NATIONAL_ID",
    "NL_BSN",
    "PASSPORT",
    "PL_PESEL",
    "SE_PERSONNUMMER",
    "SG_NRIC_FIN",
    "TR_NATIONAL_ID",
    "UK_NHS",
    "UK_NINO",
    "US_DRIVER_LICENSE",
    "US_ITIN",
    "US_SSN",
    "ZA_ID_NUMBER",
)
_CONTACT = ("EMAIL_ADDRESS", "IP_ADDRESS", "MAC_ADDRESS", "PHONE_NUMBER", "STREET_ADDRESS")
_DETAIL = ("AGE", "DATE_TIME", "LOCATION", "NRP", "ORGANIZATION", "TITLE", "URL", "ZIP_CODE")

CLASSES = {
    **dict.fromkeys(_HIGH_RISK, PiiClass.HIGH_RISK),
    **dict.fromkeys(_CONTACT, PiiClass.CONTACT),
    "PERSON": PiiClass.PERSON,
    **dict.fromkeys(_DETAIL, PiiClass.DETAIL),
}
"""Class of every type that any recogniser yields."""
