"""Every request the connectors make, held against what the vendors publish.

Flow: `capture` (pulls over the sandbox) → `endpoints` (is every endpoint among them?) → `openapi` (would the vendor's
own OpenAPI file let each pass?). The files are no part of the project: `openapi.folder` says where they are.
"""
