"""What each stage costs: `make bench`. Figures are printed, never asserted on a clock; compare ratios of one run."""
