"""What people and BI tools read: releases of the marts, the scorecard in the terminal and as a page."""
