"""The workbench in the browser and the HTTP API under it; both drive the session engine in a process of its own."""
