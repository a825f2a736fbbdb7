"""The example story: invented people who bring two models before the gate, through the public API as users would.

It is loaded into an empty portal by ``manage.py load_story``. Nothing here reads or writes the database.
"""
