"""Air hockey: a planar table in NumPy and in MuJoCo, its rules, players and tasks."""
