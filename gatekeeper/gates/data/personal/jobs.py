"""What people do for a living, written as a title: "the Clinical psychologist", "Engineer, civil".

A job counts where it is written like a name, with a capital inside a sentence, behind a word that introduces it, or
where a sentence says that somebody works as one. It is no personal data by itself.
"""

import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page

_HEADS = (
    "accountant|actor|actress|actuary|adviser|advisor|administrator|agent|analyst|anaesthetist|animator|archaeologist"
    "|architect|archivist|artist|assistant|astronomer|attorney|auditor|author|baker|banker|barber|barista|barrister"
    "|biologist|bookkeeper|broker|builder|buyer|carpenter|cartographer|cashier|chef|chemist|clerk|cleaner|coach"
    "|conservator|consultant|contractor|controller|coordinator|copywriter|counsellor|counselor|curator|dancer|dealer"
    "|dentist|designer|developer|dietitian|director|doctor|driver|ecologist|economist|editor|electrician|engineer"
    "|engraver|estimator|executive|farmer|fisherman|forester|gardener|geneticist|geologist|geophysicist|guide"
    "|hairdresser|historian|horticulturist|hydrologist|illustrator|immunologist|inspector|instructor|interpreter"
    "|jeweller|journalist|judge|lawyer|lecturer|lexicographer|librarian|machinist|manager|mathematician|mechanic"
    "|metallurgist|meteorologist|microbiologist|midwife|miner|musician|nurse|nutritionist|oceanographer|officer"
    "|operator|optician|optometrist|orthoptist|osteopath|painter|paramedic|pathologist|pharmacist|pharmacologist"
    "|photographer|physicist|physiologist|physiotherapist|pilot|planner|plumber|podiatrist|police officer"
    "|practitioner|printmaker|producer|professor|programmer|psychiatrist|psychologist|psychotherapist|publican"
    "|radiographer|ranger|receptionist|recruiter|reporter|researcher|runner|sailor|salesperson|scientist|sculptor"
    "|secretary|seismologist|singer|solicitor|specialist|statistician|stockbroker|strategist|supervisor|surgeon"
    "|surveyor|tailor|teacher|technician|technologist|therapist|toxicologist|trader|trainer|translator|veterinarian"
    "|waiter|waitress|warden|writer|zoologist"
)
_HEAD = f"(?:{_HEADS})"
_NOT_A_FIELD = r"(?!(?:said|says|who|which|that|and|but|or|is|was|has|had|will|would|i|he|she|they|we|you|it)\b)"
_FIELD = rf"(?:, {_NOT_A_FIELD}[a-z]+(?:/[a-z]+)?(?: (?:and )?[a-z]+){{0,3}}(?=[,.;:!?\n\x00]|$))?"
_JOB = (
    rf"(?:(?!I\b)[A-Z][\w/\-]*,? (?:(?:[a-z]+|and) ){{0,3}}{_HEAD}(?!\w)(?:, [a-z]+(?= [A-Z]))?"
    rf"|(?i:{_HEAD})(?!\w){_FIELD})"
)
_WHOLE_JOB = re.compile(_JOB)
_INTRODUCED = re.compile(
    r"[A-Z](?:(?<=\bthe .)|(?<=\ba .)|(?<=\ban .)|(?<=\bas .)|(?<=\bour .)|(?<=\bmy .)|(?<=\bis .)|(?<=[:,] .)"
    r"|(?<=\bof .))"
)
"""Where a job may begin: a capital behind a word that introduces one."""
_WORKS_AS = re.compile(
    r"\b(?:work(?:s|ed|ing)? as|job (?:is|as)|employed as|hired as|position (?:is|of|as)|profession(?: is|:)"
    rf"|occupation(?: is|:)|promoted to|trained as)(?: an?| the)? (?P<job>(?:[\w/\-]+ ){{0,3}}{_HEAD}(?!\w){_FIELD})",
    re.IGNORECASE,
)


def jobs(page: Page) -> Iterator[PiiMatch]:
    """Yield jobs written as titles."""
    for sign in _INTRODUCED.finditer(page.text):
        title = _WHOLE_JOB.match(page.text, sign.start())
        if title is not None:
            yield PiiMatch(type="TITLE", start=title.start(), end=title.end(), score=0.76)
    for match in _WORKS_AS.finditer(page.text):
        yield PiiMatch(type="TITLE", start=match.start("job"), end=match.end("job"), score=0.76)
