"""English words that carry grammar or courtesy and no subject: a phrase of them alone is how people ask."""

_WORDS = """
a about again all also am an and any are as ask at be been both but by can could did do does each else every
following for from give given had has have he hello help her here hey hi his how i i'd i'll i'm if in into is
it its just kindly know let like make may me might more most must my need no not now of on one only or other
our out please she should show so some still tell thank thanks that the their them then there these they this
those to too try two up us very want was way we were what when where which who why will with would yes yet you
your
"""

FUNCTION_WORDS = frozenset(_WORDS.split())
"""Folded, as ``reading.decoding.tokens`` gives them."""
