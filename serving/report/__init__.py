"""The scorecard people read: what a release says, how its numbers are worded, in a terminal and as a page."""
