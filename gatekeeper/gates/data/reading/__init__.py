"""How every data gate reads rows: decoding, places in a field, counts and shares."""
