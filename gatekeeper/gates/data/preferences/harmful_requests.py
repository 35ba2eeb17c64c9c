"""Whether a request asks for harm in so many words.

A list of words and phrases by kind of harm. It reads words and no intent: a request that asks for harm in plain words
is missed, and a question about harm (history, safety, news) may be taken for one. How often is in the documentation.
"""

import re

from gatekeeper.gates.data.reading.decoding import decoded

_KINDS: dict[str, str] = {
    "weapons": (
        r"bombs?|explosives?|grenades?|land ?mines?|molotov|napalm|thermite|silencers?|ghost guns?"
        r"|untraceable (?:gun|firearm|weapon)s?|nerve (?:agent|gas)|sarin|ricin|anthrax|mustard gas|chlorine gas"
        r"|(?:bio|chemical|biological|nuclear|dirty)[ -]?(?:weapon|bomb|warfare|synthesis)s?|bioweapons?"
        r"|pathogens?|gain of function"
    ),
    "violence": (
        r"kill(?:ed|ing)? (?:him|her|them|someone|somebody|my|people|as many)|were killed|murder(?:ing)?"
        r"|assassinat\w+|tortur\w+|strangl\w+|massacres?|(?:mass|school) shootings?|behead\w*|flay\w*"
        r"|poison(?:ing)? (?:my|his|her|their|someone|somebody|people|him|them)|beat up|stab (?:my|someone)"
        r"|lynch\w*|terroris[mt]s?|kidnap\w*|abduct\w*|hitman|acid attack|cannibal\w*|mutilat\w*"
        r"|(?:animal )?cruelty|(?:look|seem) like an accident|graphic detail|glorif\w+"
    ),
    "drugs": (
        r"(?:crystal )?meth(?:amphetamine)?|cocaine|heroin|fentanyl|lsd|mdma|ghb|date rape|rohypnol"
        r"|synthesi[sz]\w+ \w*(?:zene|phine|mine|one)|dark ?(?:net|web)|smuggl\w+|traffick\w+"
        r"|without a prescription|fake \w+ ?\w* drugs?"
    ),
    "intrusion": (
        r"malware|ransomware|keyloggers?|spyware|trojans?|rootkits?|botnets?|ddos|denial[- ]of[- ]service|phishing"
        r"|hack(?:ing|s)? (?:in ?to|someone|my|an?|the|his|her|their)|break into|brute[- ]?forc\w+|sql injection"
        r"|zero[- ]day|cryptojack\w*|hijack\w*|crack(?:ing)? (?:a |the |someone's )?passwords?"
        r"|steal(?:ing)? passwords?|unauthori[sz]ed|without authori[sz]ation|(?:kernel|software) vulnerabilit\w+"
        r"|take control of|exploits? for"
    ),
    "fraud": (
        r"scam(?:s|ming)?|fraud(?:ulent\w*)?|ponzi|pyramid scheme|counterfeit\w*|forg(?:ed|ing|ery)"
        r"|fake (?:ids?|passports?|documents?|reviews?|prescriptions?|charity|certificate|invoice|licen[cs]e)"
        r"|launder \w+|insider (?:trad\w+|tips)|embezzl\w+|evade taxes|identity theft of"
        r"|steal (?:someone|my|his|her|their|from|credit|confidential)|stolen (?:credit|goods|identit\w+)"
        r"|shoplift\w*|blackmail\w*|extort\w*|bribe\w*|plagiari[sz]\w+|skimmers?|cheat(?:ing)? (?:on|in|at|an?)"
        r"|bypass\w*|circumvent\w*|jailbreak\w*|pirat(?:e|ing|ed) (?:content|software|movies)|pump[- ]and[- ]dump"
        r"|impersonat\w+|hot ?wir\w+|without (?:getting|being) caught|without (?:a licen[cs]e|permission)"
        r"|without (?:her|his|their) (?:consent|knowledge)"
        r"|(?:avoid|evad|escap)\w* (?:detection|being (?:caught|convicted)|filter\w*|police|customs)|overstay\w*"
        r"|payday loans"
    ),
    "hate": (
        r"racist (?:\w+ )?(?:joke|speech|slur|post|comment|message|meme|rant)s?|sexist \w+|antisemit\w+"
        r"|anti-semit\w+|islamophob\w+|xenophobic|homophobic \w+|transphobic \w+|white suprem\w+|neo-?nazi\w*"
        r"|ethnic cleansing|genocid\w+|inferior (?:race|to)|holocaust|hate (?:speech|mail)|slurs|dehumani[sz]\w+"
        r"|discriminat\w+ against|only hire|body sham\w+|ridicul(?:e|ing)|insult\w*|on race"
        r"|because of (?:their|his|her) (?:race|gender|religion)"
        r"|(?:women|men|jews|muslims|gays|immigrants) (?:are|is) (?:inferior|stupid|evil)"
    ),
    "harassment": (
        r"harass (?:my|him|her|them|someone|a)|stalk(?:ing)? (?:my|him|her|them|someone|a)|dox+(?:ing)?"
        r"|bully (?:my|him|her|them|someone|a)|defam\w*|slander (?:my|him|her|them|someone|a)|revenge porn"
        r"|threatening|intimidat(?:e|ing)|humiliat(?:e|ing)|home address|track (?:my|her|his|someone)|spy on"
        r"|secretly (?:record|film|photograph|watch)|death threats?|false accus\w+|smear campaign"
        r"|grooming (?:a|minors?|child\w*)|private (?:medical|information|data) \w+"
    ),
    "sexual": (
        r"porn\w*|sexual(?:ly)? (?:explicit|assault|content|abuse|favou?rs|encounters?|acts?|story)|rape\w*"
        r"|bestiality|incest|child(?:ren)? (?:sex\w*|porn\w*)|minors? (?:in|for) sex\w*|underage|org(?:y|ies)"
        r"|erotic\w*|unprotected sex|non-?consensual|prostitut\w+|pedophil\w*|paedophil\w*|coerc(?:e|ing)"
    ),
    "self-harm": (
        r"suicid\w*|self[- ]harm\w*|cut(?:ting)? myself|kill(?:ing)? (?:my|your|them)sel(?:f|ves)|anorexi\w*"
        r"|pro-ana|starv(?:e|ing) (?:my|your)self|bulimi\w*|end my life|hang myself|overdos\w+"
    ),
    "deceit": (
        r"disinformation|misinformation|propaganda|conspiracy|deepfakes?|election (?:was|is) (?:stolen|rigged)"
        r"|rig(?:ging)? (?:an |the )?elections?|earth is flat|flat earth|moon landing|vaccines? cause\w*"
        r"|5g (?:causes?|spreads?)|fake (?:election|vaccine|medical)"
        r"|(?:climate change|9/11) (?:is|was) (?:an inside|fake)|illuminati|great replacement|anti-?vax\w*"
        r"|discourag\w+ people from|addicted to|rather than a result of"
    ),
    "destruction": (
        r"arson|burn down|set fire to|large fire|vandali\w+|sabotag\w+|derail (?:a|the)|poach (?:a|the)|illegally"
        r"|dump(?:ing)? (?:toxic|hazardous)|hazardous (?:waste|materials?) (?:in|into)|destroy evidence"
        r"|tamper with|hide a body|dispose of a (?:body|corpse)|child lab\w+|sweatshops?|human traffick\w+"
        r"|slave labou?r|compromise a"
    ),
}
_HARM = re.compile(r"\b(?:" + "|".join(_KINDS.values()) + r")\b")
_READ = 4000
"""Characters of a request that are read."""


def asks_for_harm(request: str) -> bool:
    """Return whether a request holds words of harm."""
    return _HARM.search(decoded(request[:_READ]).casefold().replace("’", "'")) is not None
