"""How much is revealed after each step: families of schedules, explicit ones, and the best for an information curve."""

from mdmtheory.schedules.families import cosine, from_file, geometric, linear, polynomial
from mdmtheory.schedules.numbers import read_numbers
from mdmtheory.schedules.schedule import SCHEDULES, Grid, Numbers, Schedule, as_schedule

__all__ = [
    "SCHEDULES",
    "Grid",
    "Numbers",
    "Schedule",
    "as_schedule",
    "cosine",
    "from_file",
    "geometric",
    "linear",
    "polynomial",
    "read_numbers",
]
