"""Fuzzing what comes from outside: spreadsheets people edit, answers of vendors.

Whatever comes, the outcome is rows accepted, rows quarantined, or one KpiloteError of one line that repeats no address;
never another exception, never a row that is neither accepted nor refused. A target makes one input from a random source
and feeds it: hypothesis drives it in `test_fuzz.py`, plain seeds in `python -m tests.fuzz`.
"""
