"""Starts moto's server on a free port of the loopback and prints its address; ends when standard input is closed.

    python -m sluice_moto.server [--plain]

--plain starts unmodified moto, without the extension.
"""

import logging
import sys

from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)

if "--plain" not in sys.argv:
    import sluice_moto.databases  # noqa: F401  registers and patches on import
    import sluice_moto.endpoints  # noqa: F401
    import sluice_moto.extras  # noqa: F401
    import sluice_moto.groups  # noqa: F401
    import sluice_moto.resources  # noqa: F401
    import sluice_moto.roles  # noqa: F401
    import sluice_moto.scaling  # noqa: F401
    import sluice_moto.service  # noqa: F401

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"http://{host}:{port}", flush=True)
sys.stdin.read()
server.stop()
