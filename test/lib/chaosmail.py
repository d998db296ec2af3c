# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The mails of a chaos run, and what may come of each."""

import dataclasses

import mails
import signatures

MIB = 1 << 20
# Of each mail's own lines, the rest of a large one is the same for all.
_BULK = mails.lines(4 * MIB)

# X-Virus-Status where a mail of that verdict is accepted.
_STATUS = {"clean": "Clean", "encrypted": "Encrypted (",
           "incomplete": "Incomplete ("}

# Scans that are in time, and some that are late, in seconds.
_QUICKEST, _SLOWEST = 1, 10


def _bulky(rng):
    return mails.token().encode() + b"\r\n" + _BULK[
        :rng.randrange(3 * MIB // 2, 4 * MIB)] + b"\r\n"


def _seconds(rng):
    return _QUICKEST + (_SLOWEST - _QUICKEST) * rng.random() ** 3


def _slow_infected(rng):
    ticks = mails.split(signatures.slow_mail(_seconds(rng) / 2))[1]
    return mails.multipart(
        ("text/plain", "7bit", ticks),
        ("application/octet-stream", "base64", signatures.EICAR))


_EICAR = signatures.EICAR
# kind -> form -> what makes it.
_MAKERS = {
    "small": {"text": lambda rng: mails.plain(
        mails.lines(rng.randrange(100, 20000)))},
    "large": {"text": lambda rng: mails.plain(_bulky(rng))},
    "slow": {"text": lambda rng: signatures.slow_mail(_seconds(rng))},
    "locked": {"zip": lambda _: mails.attached(mails.encrypted_zip(),
                                               "locked.zip")},
    "deep": {"zip": lambda _: mails.attached(
        mails.zipped(mails.token().encode(), 8), "deep.zip")},
    "infected": {
        "text": lambda _: mails.plain(_EICAR + b"\r\n"),
        "base64": lambda _: mails.attached(_EICAR),
        "quoted-printable": lambda _: mails.attached(
            _EICAR, encoding="quoted-printable"),
        "zip": lambda _: mails.attached(mails.zipped(_EICAR), "a.zip"),
        "nested-zip": lambda _: mails.attached(
            mails.zipped(_EICAR, 2), "a.zip"),
        "forwarded": lambda _: mails.forwarded(mails.attached(_EICAR)),
        "straddling": lambda _: mails.straddling(_EICAR),
        "unknown-header": lambda _: mails.behind_unknown_header(
            mails.attached(_EICAR)),
        "large": lambda rng: mails.plain(
            _bulky(rng) + _EICAR + b"\r\n"),
        "slow": _slow_infected,
    },
}
_VERDICTS = {"infected": "infected", "locked": "encrypted",
             "deep": "incomplete"}

# What the daemon needs to be set to, for the verdicts.
SETTINGS = {"engine": {"max_recursion": 4}}

KINDS = tuple(_MAKERS)
FORMS = tuple((kind, form) for kind, forms in _MAKERS.items()
              for form in forms)

# Where a client may leave: after CONNECT, MAIL, RCPT, in the headers, in the
# body, right after the end of the message, and once it has heard progress.
STEPS = ("connect", "mail", "rcpt", "headers", "body", "end", "waiting")


@dataclasses.dataclass(frozen=True)
class Card:
    """A mail to be made, and where its client leaves, if it does."""
    kind: str
    form: str
    leaves: str = ""


def _deck(kinds, steps):
    """Each form of these kinds, the clean ones more often, and the first kind
    once for each step at which its client leaves."""
    cards = [Card(kind, form) for kind, form in FORMS
             if f"{kind}/{form}" in kinds or kind in kinds]
    first = cards[0]
    return (cards + [first] * len(cards) +
            [Card(first.kind, first.form, step) for step in steps])


# What the clients of each role send; a client goes through its deck in random
# order, and again.
DECKS = {
    "quick": [card for card in _deck(
        ("small", "locked", "deep", "infected"), STEPS[:6])
        if card.form not in ("large", "slow")],
    "heavy": _deck(("large", "infected/large"), ("headers", "body", "end")),
    # Where all is slow, few are still there when they would leave.
    "slow": _deck(("slow", "infected/slow"), ("end", *3 * ("waiting",))),
}


@dataclasses.dataclass
class Mail:
    """A mail under way; due (monotonic clock) is when it is tried again.
    comes_back is what its MTA does after it has left."""
    card: Card
    data: bytes
    client: str
    leaves: str
    comes_back: bool
    tries: int = 0
    due: float = 0.0

    def with_new_traces(self):
        """The same mail as another relay would send it."""
        return b"".join(
            f"{name}: {mails.token()}\r\n".encode()
            for name in ("Received", "ARC-Seal", "DKIM-Signature")
        ) + self.data


def make(card, rng):
    """A mail for a card; who sends it decides about its deadline."""
    client, = rng.choices(("mta", "submission", "local"), (6, 2, 1))
    return Mail(card, _MAKERS[card.kind][card.form](rng), client,
                card.leaves, rng.random() < 0.5)


def wrong(card, outcome):
    """What is wrong with this outcome of an end of message, or ""."""
    verdict = _VERDICTS.get(card.kind, "clean")
    if outcome.action == "tempfail":
        return ""
    if verdict == "infected":
        right = (outcome.action == "reject" and
                 outcome.reply.startswith("550 5.7.1 ") and
                 signatures.EICAR_FOUND in outcome.reply)
    else:
        status = outcome.header("X-Virus-Status")
        right = (outcome.action == "accept" and len(status) == 1 and
                 status[0].startswith(_STATUS[verdict]))
    return "" if right else (
        f"{card.kind}/{card.form} mail: {outcome.action} "
        f"{outcome.reply} {outcome.headers}")
