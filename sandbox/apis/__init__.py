"""How each vendor would tell the company's story: one file per source, with its data beside it (`<source>_….py`).

Belongs here: paths, parameters, limits, error bodies and shapes of the vendors. Does not: what happened (`world`),
injected failures (`faults`), sockets (`server`). Every handler reads `request.app.state.sandbox`.
"""
