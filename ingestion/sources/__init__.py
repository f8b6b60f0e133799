"""One connector per source: `URL → {lake}/{source}/{table}`. Each file is named by its source's one word."""
