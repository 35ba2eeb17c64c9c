"""One file per migration, ``NNNN_what_it_adds.py``; a migration that has been released is never edited."""
