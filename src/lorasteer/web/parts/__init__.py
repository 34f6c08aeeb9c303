"""Parts that pages are made of: the map, tables, charts, forms."""
