"""The actions of `maxent-robot trials`, one module each."""
