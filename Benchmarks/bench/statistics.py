"""Medians, and rounds that the machine spoilt."""
import statistics

VOID = 2.0   # a round whose control is over this many times the median control says nothing


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def valid_rounds(controls):
    """Indices of the rounds that count."""
    middle = median(controls)
    return [index for index, value in enumerate(controls) if not middle or value <= VOID * middle]


def spread(values):
    return {"median": median(values), "min": min(values), "max": max(values), "rounds": len(values)} if values else None
