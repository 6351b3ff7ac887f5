"""Work that lasts: labels as they were at other times, and how long and at what somebody worked."""
