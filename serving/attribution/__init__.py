"""The attribution page of a release: what every model says of the same conversions, and why they differ."""
