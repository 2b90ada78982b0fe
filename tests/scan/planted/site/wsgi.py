"""A small site with one fault of each kind that the scanners look for. Only `make scan` starts it, on this machine.

A greeting that is not escaped (also a stored one), a search whose statement is put together, and a page that breaks.
"""

import sqlite3

from flask import Flask, redirect, request

app = Flask(__name__)
stored: list[str] = []
PAGE = """<!doctype html><html lang="en"><head><title>Planted</title></head><body><h1>A page with faults</h1>
<p>This page is made to be found. %s</p>
<form action="/greet"><input name="name" value="Robin"><button>Greet</button></form>
<form action="/find" method="post"><input name="lot" value="1"><button>Find</button></form>
<form action="/note" method="post"><input name="note" value="x"><button>Note</button></form>
<form action="/count" method="post"><input name="units" value="1"><button>Count</button></form>
</body></html>"""


@app.get("/")
def start():
    return PAGE % "".join(stored)


@app.get("/livez")
def live():
    return "ok"


@app.get("/greet")
def greet():
    return PAGE % request.args.get("name", "")


@app.post("/note")
def note():
    stored[:] = [request.form.get("note", "")]
    return redirect("/", 303)


@app.post("/find")
def find():
    lots = sqlite3.connect(":memory:")
    lots.executescript("CREATE TABLE lots (id, name); INSERT INTO lots VALUES (1, 'A'), (2, 'B');")
    try:
        found = lots.execute("SELECT name FROM lots WHERE id = " + request.form.get("lot", "0")).fetchall()
    except sqlite3.Error as problem:
        return PAGE % f"sqlite3.OperationalError: {problem}", 200
    finally:
        lots.close()
    return PAGE % f"{len(found)} lots: {', '.join(str(row[0]) for row in found).replace('<', '')}"


@app.post("/count")
def count():
    return PAGE % str(100 // (len(request.form.get("units", "")) - 1))
