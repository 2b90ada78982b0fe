"""One fault for each other rule, and one for bandit. Never imported, never run."""

import hashlib
import hmac
import random
import subprocess
from datetime import datetime
from logging import getLogger

from flask import Blueprint, render_template_string, request
from flask_wtf.csrf import CSRFProtect
from markupsafe import Markup
from sqlalchemy import text

blueprint = Blueprint("planted", __name__)
csrf = CSRFProtect()
log = getLogger(__name__)


@blueprint.get("/changes")
def changes(db, name, secret, tag):
    db.session.execute(text(f"DELETE FROM orders WHERE number = '{name}'"))
    db.session.commit()
    subprocess.run(f"lp {name}", shell=True)
    print(datetime.now(), random.choice("abc"), hashlib.md5(b""), eval(name))
    if hmac.digest(secret, b"", "sha256") == tag:
        return render_template_string("<p>" + name)
    log.info("asked %s", request.args)
    try:
        return Markup("<p>" + name)
    except ValueError as problem:
        log.error("no: %s", problem)


@csrf.exempt
def unchecked():
    return request.remote_addr
