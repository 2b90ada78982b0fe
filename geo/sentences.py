"""What a participant reads where a rule's own sentence does not say what happens. Each in English and Spanish."""

from geo.rules import BookRule, Effect, End

Pair = tuple[str, str]

SILENCE: Pair = (
    "We have no rule for this place yet. You can ask now, and a person will check before we mail anything.",
    "Todavía no tenemos una regla para este lugar. Puede pedirlo ahora, y una persona lo revisará antes del envío.",
)
_ALLOW: Pair = ("We can mail this to you.", "Podemos enviarle esto por correo.")
_REVIEW: Pair = (
    "You can ask for this now. A person will check the rules before we mail it.",
    "Puede pedir esto ahora. Una persona revisará las reglas antes del envío.",
)
_DENY: Pair = (
    "We can't mail this to your place now. A program near you may be able to help.",
    "No podemos enviar esto a su lugar por ahora. Un programa cerca de usted quizás pueda ayudar.",
)
_ORIGIN: Pair = (
    "Our warehouse may not mail this now. A program near you may be able to help.",
    "Nuestro almacén no puede enviar esto por ahora. Un programa cerca de usted quizás pueda ayudar.",
)
_BY_CAUSE: dict[tuple[str, Effect], Pair] = {
    ("age", Effect.ASK): (
        "Here, this is for people {age} or older.",
        "Aquí, esto es para personas de {age} años o más.",
    ),
    ("age", Effect.DENY): (
        "Here, we can mail this only to people {age} or older. A program near you may be able to help.",
        "Aquí, solo podemos enviar esto a personas de {age} años o más. "
        "Un programa cerca de usted quizás pueda ayudar.",
    ),
    ("statement", Effect.ASK): (
        "For this, the law here wants you to agree to a short statement.",
        "Para esto, la ley de aquí pide que acepte una declaración corta.",
    ),
    ("most", Effect.DENY): (
        "Here, we can mail at most {most} of these at a time. Please ask for fewer.",
        "Aquí, podemos enviar como máximo {most} de estos a la vez. Pida menos, por favor.",
    ),
    ("period", Effect.DENY): (
        "Here, we can mail at most {most} of these in {days} days. Please ask for fewer, or come back later.",
        "Aquí, podemos enviar como máximo {most} de estos en {days} días. Pida menos, o vuelva más tarde, por favor.",
    ),
    ("period", Effect.REVIEW): (
        "Here, there is a limit over time. A person will check before we mail it.",
        "Aquí hay un límite por período. Una persona lo revisará antes del envío.",
    ),
    ("sent", Effect.REVIEW): (
        "Here, there is a limit over time. You can ask now, and a person will check before we mail it.",
        "Aquí hay un límite por período. Puede pedirlo ahora, y una persona lo revisará antes del envío.",
    ),
    ("training", Effect.REVIEW): (
        "Here, a short training comes first. You can ask now, and a person will tell you how.",
        "Aquí, primero hay una capacitación corta. Puede pedirlo ahora, y una persona le dirá cómo hacerla.",
    ),
}


def sentences(rule: BookRule, effect: Effect, cause: str, end: End, per: int = 1) -> Pair:
    """The rule's own sentences where they say what happens, else the general ones for the cause.

    `per` is how many of what the rule names are in one product, so that a limit is told in products.
    """
    if end is End.ORIGIN:
        return {Effect.ALLOW: _ALLOW, Effect.REVIEW: _REVIEW}.get(effect, _ORIGIN)
    if cause == "rule" and effect is said(rule):
        return rule.sentence, rule.sentence_es
    general = {Effect.ALLOW: _ALLOW, Effect.REVIEW: _REVIEW}.get(effect, _DENY)
    english, spanish = _BY_CAUSE.get((cause, effect), general)
    most, days = rule.most_per_period or (0, 0)
    most = most if cause == "period" else rule.most_per_order or 0
    if cause in ("most", "period") and most < per:
        english, spanish = general  # not even one may be sent
    facts = {"age": rule.min_age, "most": most // per, "days": days}
    return english.format(**facts), spanish.format(**facts)


def said(rule: BookRule) -> Effect:
    """The effect a rule's sentence is written for: no credential held, nobody there, old enough, reviewed."""
    if rule.effect is Effect.DENY or rule.credentials or rule.in_person:
        return Effect.DENY
    if rule.effect is Effect.REVIEW or rule.conditions or rule.confidence == "low":
        return Effect.REVIEW
    return Effect.ALLOW
