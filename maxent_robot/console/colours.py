"""Colours of the console's page, on white: text meets WCAG AA."""

INK, ALERT, GRID = "#1c2127", "#a11d1d", "#d5dae0"
