"""Staff: users, roles, and the guard each blueprint puts before its pages."""

import re
from datetime import datetime
from enum import StrEnum

from flask import Blueprint, abort, redirect, request, url_for
from flask_login import LoginManager, UserMixin, current_user
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import ForeignKey, LargeBinary, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship
from werkzeug.wrappers import Response

from distro.db import Base
from distro.errors import InvalidInput, NotAllowed


class Role(StrEnum):
    """What a member of staff does here."""

    PACKER = "packer"
    MANAGER = "manager"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class User(UserMixin, Base):
    """A member of staff. `site_code` limits them to one warehouse (None: all), `state_codes` to orders that go to
    these states (empty: all)."""

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
    state_codes: Mapped[list[str]] = mapped_column(default=list)
    totp_secret: Mapped[str] = mapped_column(String(200), default="")  # wrapped by the staff key
    totp_last: Mapped[int | None]  # the time step of the last code that was tried: none is taken twice
    recovery_hashes: Mapped[list[str]] = mapped_column(default=list)
    oidc_subject: Mapped[str | None] = mapped_column(String(255), unique=True)  # who they are at the provider

    token = ""  # of the session this user was loaded by; not stored

    def get_id(self) -> str:
        """The token of the session they are signed in by, which flask-login keeps in the cookie."""
        return self.token

    @property
    def is_active(self) -> bool:
        """Whether they may sign in; read by flask-login."""
        return self.active


class StaffSession(Base):
    """One browser that is signed in. The cookie holds the token, the database its hash."""

    __tablename__ = "staff_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()


class Invitation(Base):
    """A link that works once: to join, or to set password and second factor anew."""

    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()


csrf = CSRFProtect()  # asked for by each staff guard; the public side keeps no session to protect
login_manager = LoginManager()
login_manager.login_view = "login.sign_in"
login_manager.login_message = "Please sign in."
login_manager.session_protection = None  # it goes by address and browser, which we do not look at

_guards: dict[str, str] = {}
RESERVED = ("system", "participant", "demo")  # who the record names where it is nobody of the staff
_USERNAME = re.compile(r"[\w.@+-]{1,64}")
_EMAIL = re.compile(r"(?=.{3,254}$)[!-?A-~]+@[!-?A-~]+")


def check_name(session: Session, *, username: str, email: str) -> None:
    """Whether someone new may be called this. Raises InvalidInput if a value cannot be used or the name is taken."""
    if not _USERNAME.fullmatch(username):
        raise InvalidInput(problem="A username has 1 to 64 letters, digits or any of . _ - @ +, and no spaces.")
    if username.casefold() in RESERVED:
        raise InvalidInput(problem=f"“{username}” stands for something else in the record. Choose another username.")
    if email and not _EMAIL.fullmatch(email):
        raise InvalidInput(problem="An email address looks like name@example.org.")
    if session.scalar(select(User.id).where(func.lower(User.username) == username.lower())):
        raise InvalidInput(problem=f"The username “{username}” is taken.")


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
