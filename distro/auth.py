"""Staff: users, roles, and the guard each blueprint puts before its pages."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from flask import Blueprint, abort, redirect, request, url_for
from flask_login import LoginManager, UserMixin, current_user
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from werkzeug.wrappers import Response

from distro.db import Base, db
from distro.errors import InvalidInput, NotAllowed

MIN_PASSWORD = 15
FAILURES_BEFORE_WAIT = 5
WAIT_AFTER_FAILURES = timedelta(minutes=5)


class Role(StrEnum):
    """What a member of staff does here."""

    PACKER = "packer"
    MANAGER = "manager"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class User(UserMixin, Base):
    """A member of staff. `site_code` limits them to one warehouse; None means all."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str] = mapped_column(String(254), default="")
    role: Mapped[Role]
    password_hash: Mapped[str] = mapped_column(String(200))
    site_code: Mapped[str | None] = mapped_column(String(16))
    active: Mapped[bool] = mapped_column(default=True)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]

    @property
    def is_active(self) -> bool:
        """Whether they may sign in; read by flask-login."""
        return self.active


csrf = CSRFProtect()  # asked for by each staff guard; the public side keeps no session to protect
login_manager = LoginManager()
login_manager.login_view = "login.sign_in"
login_manager.login_message = "Please sign in."

_guards: dict[str, str] = {}
_USERNAME = re.compile(r"[\w.@+-]{1,64}")
_EMAIL = re.compile(r"(?=.{3,254}$)[!-?A-~]+@[!-?A-~]+")
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@login_manager.user_loader  # type: ignore[untyped-decorator]  # flask-login carries no types
def _load_user(user_id: str) -> User | None:
    return db.session.get(User, int(user_id)) if user_id.isdigit() else None


def add_user(
    session: Session, *, username: str, role: Role, password: str, email: str = "", site_code: str | None = None
) -> User:
    """Add a member of staff. Raises InvalidInput if a value cannot be used or the name is taken."""
    if not _USERNAME.fullmatch(username):
        raise InvalidInput(problem="A username has 1 to 64 letters, digits or any of . _ - @ +, and no spaces.")
    if email and not _EMAIL.fullmatch(email):
        raise InvalidInput(problem="An email address looks like name@example.org.")
    if len(password) < MIN_PASSWORD:
        raise InvalidInput(problem=f"A password needs at least {MIN_PASSWORD} characters.")
    if session.scalar(select(User.id).where(User.username == username)):
        raise InvalidInput(problem=f"The username “{username}” is taken.")
    user = User(username=username, role=role, email=email, site_code=site_code, password_hash=_hasher.hash(password))
    session.add(user)
    session.flush()
    return user


def check_password(session: Session, *, username: str, password: str, at: datetime) -> User | None:
    """The user if name and password fit, else None: one answer and one cost for every way to be wrong."""
    user: User | None = session.scalar(select(User).where(User.username == username))
    try:
        _hasher.verify(user.password_hash if user else _nobody_hash(), password)
    except (VerifyMismatchError, InvalidHashError):
        if user:
            user.failures += 1
            if user.failures >= FAILURES_BEFORE_WAIT:
                user.locked_until = at + WAIT_AFTER_FAILURES
        return None
    if user is None or not user.active or (user.locked_until and at < user.locked_until):
        return None
    user.failures, user.locked_until = 0, None
    return user


def guard(blueprint: Blueprint, *roles: Role) -> None:
    """Let only signed-in staff with one of `roles` reach this blueprint, and check the form's CSRF token."""
    _guards[blueprint.name] = ", ".join(roles)

    def check() -> Response | None:
        csrf.protect()
        if not current_user.is_authenticated:
            if request.method == "GET":
                return redirect(url_for("login.sign_in", next=request.path))
            abort(401)
        if current_user.role not in roles:
            raise NotAllowed
        return None

    blueprint.before_request(check)


def open_to_all(blueprint: Blueprint, *names: str) -> None:
    """Say in the open that a blueprint needs no sign-in; `names` if it is registered under others than its own."""
    _guards.update(dict.fromkeys(names or (blueprint.name,), "none"))


def guard_of(blueprint_name: str) -> str | None:
    """The roles that may reach a blueprint, `none` if it is open, None if nobody said."""
    return _guards.get(blueprint_name)


@lru_cache(maxsize=1)
def _nobody_hash() -> str:
    return _hasher.hash("nobody has this password")
