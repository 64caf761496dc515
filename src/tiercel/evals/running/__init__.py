"""Asks every candidate every item, measures what comes back, and keeps each answer as soon as it is there."""
