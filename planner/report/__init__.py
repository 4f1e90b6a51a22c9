"""Pictures and the weekly page, from values alone."""
