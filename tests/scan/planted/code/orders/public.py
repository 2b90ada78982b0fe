"""One fault for each rule about the participants' pages. Never imported."""

from flask import request, session

from distro.keys.keyring import Keyring

ring = Keyring
seen = request.headers.get("X-Forwarded-For"), session
