"""Attribution models side by side, as people read them: in the terminal, as a page, as a table for a spreadsheet."""
