"""The pages: library, workbench, compare, export."""
