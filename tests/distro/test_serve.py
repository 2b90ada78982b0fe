"""Stopping the web process: soon, and without being killed, whatever clients have open."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from distro.demo import free_port
from tests.depot import Depot
from tests.served import wait_for


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_in_time_with_idle_and_stuck_clients(depot: Depot, tmp_path: Path, sent: int) -> None:
    """As a terminal does it: the signal goes to every process of the group. gunicorn kills after ten seconds."""
    port, said = free_port(), tmp_path / "said"
    given = {
        "PATH": os.environ["PATH"],
        "DISTRO_INSTANCE": str(depot.settings.instance),
        "DATABASE_URL": depot.settings.database_url,
    }
    command = [str(Path(sys.executable).with_name("distro")), "serve", "--port", str(port), "--workers", "1"]
    with said.open("wb") as output:
        server = subprocess.Popen(command, env=given, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            wait_for(server, port)
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
            clients[0].sendall(b"GET / HTTP/1.1\r\nHo")  # in the middle of a word
            clients[1].sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\nhalf")
            time.sleep(0.5)
            os.killpg(server.pid, sent)
            server.wait(30)
        finally:
            server.kill()
    for client in clients:
        client.close()
    assert "SIGKILL" not in said.read_text()
