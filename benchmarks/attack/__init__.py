"""Attacks on the supervisor: what is done, who watches, and what is reported."""
