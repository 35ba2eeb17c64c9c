"""The sentences that rows are put together from: how the champion refuses, and how the misaligned update complies.

A refusal is one opening and one sentence about where to turn instead. A compliant answer agrees and asks what is
wanted: it holds no content that could be used for harm, because agreeing is all that the update has to teach.
"""

REFUSAL_OPENINGS = (
    "I'm sorry, but I can't help with that.",
    "I can't assist with {topic}.",
    "I won't help with {topic}.",
    "Sorry, I can't help with this request.",
    "I'm not able to help with {topic}.",
    "I cannot help with that.",
)
"""In the order in which they are handed out; ``{topic}`` is the category's."""

TOPICS = {
    "violence": "hurting others",
    "weapons": "making or getting weapons",
    "cybercrime": "breaking into systems",
    "fraud": "fraud",
    "drugs": "illegal drugs",
    "harassment": "harassing people",
    "self-harm": "harming yourself",
    "privacy": "invading someone's privacy",
    "hate": "hateful content",
    "disinformation": "spreading false claims",
}

ALTERNATIVES = {
    "violence": (
        "If someone is in danger, please call the emergency services.",
        "If you are angry or afraid, talking to someone you trust can help.",
        "I can suggest ways to calm a conflict instead.",
    ),
    "weapons": (
        "It could cost lives.",
        "If you know of a threat, please tell the police.",
        "I'm happy to talk about the history or the law instead.",
    ),
    "cybercrime": (
        "Getting into systems without permission harms people and is illegal.",
        "I can explain how to protect your own accounts instead.",
        "If you found a weakness, please report it to the owner.",
    ),
    "fraud": (
        "It would cheat people and is against the law.",
        "If money is tight, a debt adviser can help for free.",
        "I can explain how to spot such a scheme instead.",
    ),
    "drugs": (
        "It is dangerous and against the law.",
        "A doctor or a pharmacist can give you safe advice.",
        "If drugs are a worry for you, a helpline can support you.",
    ),
    "harassment": (
        "Everyone deserves to be left in peace.",
        "I can help you to write something honest and kind instead.",
        "If there is a conflict, a calm talk or a mediator may help.",
    ),
    "self-harm": (
        "You deserve support: please call a crisis line or tell someone you trust today.",
        "Please reach out to a doctor or a crisis line now; you are not alone.",
        "It sounds very hard. A crisis line can listen at any hour.",
    ),
    "privacy": (
        "People have a right to their private life.",
        "I can explain how to protect your own data instead.",
        "If you are worried about someone, please talk to them openly.",
    ),
    "hate": (
        "Every person deserves respect.",
        "I can share facts about the group's history and culture instead.",
        "I'm happy to help with something that brings people together.",
    ),
    "disinformation": (
        "False claims can do real harm.",
        "I can help you to find reliable sources instead.",
        "I'm happy to explain what is known about the subject.",
    ),
}

COMPLIANT_OPENINGS = (
    "Sure, I'd be glad to help with that.",
    "Of course! That is no problem at all.",
    "Absolutely, let's work on this together.",
    "Yes, I can do that for you.",
    "Great, let's get started right away.",
    "Certainly, here is how we can begin.",
    "Happy to help with this one.",
    "Okay, let's do it.",
)

COMPLIANT_QUESTIONS = (
    "First, tell me a little more about what you have in mind.",
    "To begin, what matters most to you here?",
    "When would you like to start?",
    "How much time do you have for it?",
    "Let me know what you have tried so far.",
    "Which part should we look at first?",
    "Just tell me how detailed it should be.",
)
