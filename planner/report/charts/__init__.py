"""Charts of what the marts hold, drawn by Altair; shared by the weekly page and the dashboard.

Each function takes rows and gives a chart as wide as its container. Names from rows are data in a chart, never a part
of its code. Times are shown as clocks in the given zone show them.
"""
