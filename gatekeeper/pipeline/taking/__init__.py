"""Versions that somebody put into the registry become updates: the same way whether a webhook rang or a poll came by.

:mod:`.look` finds those that no update stands for, :mod:`.take` makes one an update, :mod:`.claims` reads its tags.
"""
